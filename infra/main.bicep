// Everything that Parley needs on Azure, in a resource group of its own. docs/deploy.md says what each parameter does.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('The name of this deployment; it stands in the names of all resources.')
param environmentName string

@minLength(1)
@description('The region; it must have Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Who may read and write the data beside the app: the object id of the person, or pipeline, that deploys.')
param principalId string = ''

@secure()
@minLength(16)
@description('What users are hashed with in the log (LOG_HASH_KEY): made once, and the same for all instances.')
@metadata({ azd: { type: 'generate', config: { length: 32, noSpecial: true } } })
param logHashKey string

@description('Any other of Parley\'s settings by its name, as README has them: {"ARCHIVE_AFTER_SECONDS": "604800"}.')
param settings object = {}

@allowed([512, 2048, 4096])
@description('The memory of an instance, in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('How many instances there may be at once.')
param maximumInstanceCount int = 40

@minValue(1)
@maxValue(1000)
@description('How many requests one instance takes at once. Parley waits for its store most of the time.')
param requestsPerInstance int = 32

@minValue(0)
@description('How many instances are kept running for HTTP, so that no request meets a cold start.')
param alwaysReadyInstances int = 0

@allowed(['serverless', 'autoscale'])
@description('How Cosmos DB is paid for; it cannot be changed once the account is there.')
param cosmosCapacity string = 'serverless'

@minValue(1000)
@description('The most request units a second that autoscale goes up to, in steps of 1000.')
param cosmosMaxThroughput int = 1000

@minValue(-1)
@description('The cost brake: request units a second that the whole account may have; -1 is no limit.')
param cosmosThroughputLimit int = 4000

@allowed(['Continuous7Days', 'Continuous30Days'])
@description('How far back a restore may go; 7 days cost nothing.')
param cosmosBackup string = 'Continuous7Days'

@description('The database (COSMOS_DATABASE).')
param cosmosDatabase string = 'parley'

@description('The container (COSMOS_CONTAINER).')
param cosmosContainer string = 'sessions'

@description('Whether instances and data are spread over the zones of the region.')
param zoneRedundant bool = false

@description('Whether storage and Cosmos DB are reached through a virtual network only.')
param privateNetwork bool = false

@description('The client id of an app registration: users sign in with it (USER_IDENTITY=easyauth). None: the function key.')
param authClientId string = ''

@description('The tenant whose users sign in.')
param authTenantId string = tenant().tenantId

@description('The web pages that may call Parley from a browser: origins, divided by commas.')
param corsOrigins string = ''

@description('The resource id of an Azure OpenAI account whose model answers turns; none: no replies.')
param modelAccountId string = ''

@description('The deployment in that account (MODEL_NAME).')
param modelName string = ''

@minValue(30)
@maxValue(730)
@description('How many days the log is kept.')
param logRetentionDays int = 30

@minValue(-1)
@description('How many GB of log a day are taken in; -1 is no limit.')
param logDailyQuotaGb int = 1

@description('Whether the request units of each user are logged. That log names users, as their owner ids.')
param logUnitsByUser bool = false

@description('Who is told of alerts; none: they are in the portal only.')
param alertEmail string = ''

@minValue(0)
@description('A budget of the resource group for a month, in the currency of the subscription; 0 is none.')
param monthlyBudget int = 0

@description('The first day of the budget\'s first month.')
param budgetStart string = utcNow('yyyy-MM-01')

var token = take(uniqueString(subscription().id, environmentName, location), 8)
var tags = { 'azd-env-name': environmentName }
var portal = '${environment().portal}/#resource'
// A resource id is /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/…
var modelSubscription = empty(modelAccountId) ? subscription().subscriptionId : split(modelAccountId, '/')[2]
var modelGroup = empty(modelAccountId) ? 'rg-${environmentName}' : split(modelAccountId, '/')[4]

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-parley-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'stparley${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    isPrivate: privateNetwork
  }
}

module cosmos 'cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: 'cosmos-parley-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    principalId: principalId
    isServerless: cosmosCapacity == 'serverless'
    maxThroughput: cosmosMaxThroughput
    throughputLimit: cosmosThroughputLimit
    backup: cosmosBackup
    databaseName: cosmosDatabase
    containerName: cosmosContainer
    zoneRedundant: zoneRedundant
    isPrivate: privateNetwork
    workspaceId: logUnitsByUser ? monitoring.outputs.workspaceId : ''
  }
}

module network 'network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    storageId: storage.outputs.id
    cosmosId: cosmos.outputs.id
  }
}

module model 'model.bicep' = if (!empty(modelAccountId)) {
  name: 'model-${token}'
  scope: resourceGroup(modelSubscription, modelGroup)
  params: {
    accountName: last(split(modelAccountId, '/'))
    appPrincipalId: identity.outputs.principalId
  }
}

module functions 'functions.bicep' = {
  name: 'functions'
  scope: group
  params: {
    name: 'func-parley-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageBlobEndpoint: storage.outputs.blobEndpoint
    packageContainer: storage.outputs.packageContainer
    insightsConnectionString: monitoring.outputs.connectionString
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmosDatabase
    cosmosContainer: cosmosContainer
    modelEndpoint: !empty(modelAccountId) ? model!.outputs.endpoint : ''
    modelName: modelName
    logHashKey: logHashKey
    settings: settings
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    requestsPerInstance: requestsPerInstance
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    corsOrigins: empty(corsOrigins) ? [] : split(replace(corsOrigins, ' ', ''), ',')
    authClientId: authClientId
    authTenantId: authTenantId
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    email: alertEmail
    cosmosId: cosmos.outputs.id
    workspaceId: monitoring.outputs.workspaceId
    expectsHourlyArchival: !contains(settings, 'ARCHIVE_SCHEDULE')
    hasModel: !empty(modelAccountId) || contains(settings, 'MODEL_ENDPOINT')
    unitsPerSecond: cosmosCapacity == 'serverless' ? cosmosThroughputLimit : cosmosMaxThroughput
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

// What `azd up` keeps, and prints where `azd env get-values` is asked.
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = functions.outputs.name
output PARLEY_URL string = functions.outputs.url
output PARLEY_DOCS string = '${functions.outputs.url}/api/docs'
output PARLEY_KEY_COMMAND string = 'az functionapp keys list -g ${group.name} -n ${functions.outputs.name} --query functionKeys.default -o tsv'
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output COSMOS_ENDPOINT string = cosmos.outputs.endpoint
output COSMOS_DATABASE string = cosmosDatabase
output COSMOS_CONTAINER string = cosmosContainer
output PORTAL_FUNCTIONS string = '${portal}${functions.outputs.id}'
output PORTAL_COSMOS string = '${portal}${cosmos.outputs.id}'
output PORTAL_LOGS string = '${portal}${monitoring.outputs.insightsId}/logs'
output PORTAL_WORKBOOK string = '${portal}${workbook.outputs.id}'
