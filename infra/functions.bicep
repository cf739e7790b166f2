// The function app on Flex Consumption, and who may call it.
param name string
param location string
param tags object
param identityId string
param identityClientId string
param storageBlobEndpoint string
param packageContainer string
param insightsConnectionString string
param cosmosEndpoint string
param cosmosDatabase string
param cosmosContainer string
param modelEndpoint string
param modelName string
@secure()
param logHashKey string
param settings object
param subnetId string
param instanceMemoryMB int
param maximumInstanceCount int
param requestsPerInstance int
param alwaysReadyInstances int
param zoneRedundant bool
param corsOrigins array
param authClientId string
param authTenantId string

// infra/package.py installs the packages for this version.
var pythonVersion = '3.13'
var usersSignIn = !empty(authClientId)

var ofThePlatform = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: storageBlobEndpoint
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
}

// App Service Authentication proves who it is with the app's identity: the app registration needs no secret.
var ofSigningIn = {
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}

var ofParley = {
  STORE: 'cosmos'
  COSMOS_ENDPOINT: cosmosEndpoint
  COSMOS_DATABASE: cosmosDatabase
  COSMOS_CONTAINER: cosmosContainer
  USER_IDENTITY: usersSignIn ? 'easyauth' : 'trusted'
  LOG_HASH_KEY: logHashKey
}

var ofTheModel = {
  MODEL_ENDPOINT: modelEndpoint
  MODEL_NAME: modelName
  MODEL_TOKEN_SCOPE: 'https://cognitiveservices.azure.com/.default'
}

var byDefault = empty(modelEndpoint) ? {} : ofTheModel
var signingIn = usersSignIn ? ofSigningIn : {}
var appSettings = union(byDefault, settings, ofParley, signingIn, ofThePlatform)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // `azd deploy` finds the app by this tag: the name of the service in azure.yaml.
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storageBlobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
        triggers: { http: { perInstanceConcurrency: requestsPerInstance } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      cors: { allowedOrigins: corsOrigins }
      appSettings: [for setting in items(appSettings): { name: setting.key, value: string(setting.value) }]
    }
  }

  resource noFtp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noPublishingPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

// What needs no sign-in (health, the documentation, shared links) stays open; to the rest Parley itself answers 401.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = if (usersSignIn) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${authTenantId}/v2.0'
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
        }
        validation: { allowedAudiences: [authClientId, 'api://${authClientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
