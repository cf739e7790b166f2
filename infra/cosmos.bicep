// The store. One write region: appends are merged by the service, and with several regions that write some would be lost.
param name string
param location string
param tags object
param appPrincipalId string
param principalId string
param isServerless bool
param maxThroughput int
param throughputLimit int
param backup string
param databaseName string
param containerName string
param zoneRedundant bool
param isPrivate bool

@description('Where the request units of each user are logged; empty is nowhere.')
param workspaceId string

// The same file as shared/store/cosmos/schema.py reads: partition key, time to live and indexes are said there.
var container = loadJsonContent('../shared/store/cosmos/container.json')
var dataContributor = '00000000-0000-0000-0000-000000000002'
var readersAndWriters = empty(principalId) ? [appPrincipalId] : [appPrincipalId, principalId]

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAclBypass: 'None'
    enableAutomaticFailover: false
    enableMultipleWriteLocations: false
    locations: [
      {
        locationName: location
        failoverPriority: 0
        isZoneRedundant: zoneRedundant
      }
    ]
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: { tier: backup }
    }
    capabilities: isServerless ? [{ name: 'EnableServerless' }] : []
    capacity: { totalThroughputLimit: throughputLimit }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: { id: databaseName }
  }
}

resource sessions 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-04-15' = {
  parent: database
  name: containerName
  properties: {
    resource: {
      id: containerName
      partitionKey: container.partitionKey
      defaultTtl: container.defaultTtl
      indexingPolicy: container.indexingPolicy
    }
    options: isServerless ? {} : { autoscaleSettings: { maxThroughput: maxThroughput } }
  }
}

@batchSize(1) // the service takes one change of roles at a time
resource dataRoles 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = [
  for reader in readersAndWriters: {
    parent: account
    name: guid(account.id, reader, dataContributor)
    properties: {
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${dataContributor}'
      principalId: reader
      scope: account.id
    }
  }
]

resource unitsByUser 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(workspaceId)) {
  name: 'units-by-user'
  scope: account
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'PartitionKeyRUConsumption'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output endpoint string = account.properties.documentEndpoint
