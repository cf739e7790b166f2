// What an operator is told of without asking.
param location string
param tags object
param email string
param cosmosId string
param workspaceId string

@description('False where ARCHIVE_SCHEDULE is the operator\'s own: then the timer may rightly be quiet for hours.')
param expectsHourlyArchival bool

@description('Whether a model replies here; without one there are no alerts of it.')
param hasModel bool

@description('The request units a second that the account may spend; -1 is no limit, and nothing to come near to.')
param unitsPerSecond int
param monthlyBudget int
param budgetStart string

var told = empty(email) ? [] : [group.id]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-parley'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'parley'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource throttled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'parley-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB refused more than 100 requests in five minutes because they came too fast (429).'
    severity: 3
    enabled: true
    scopes: [cosmosId]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'refused'
          metricName: 'TotalRequests'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          dimensions: [
            {
              name: 'StatusCode'
              operator: 'Include'
              values: ['429']
            }
          ]
          operator: 'GreaterThan'
          threshold: 100
          timeAggregation: 'Count'
        }
      ]
    }
    actions: [for id in told: { actionGroupId: id }]
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'parley-store-unavailable'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB answered less than 99.9 % of an hour\'s requests.'
    severity: 1
    enabled: true
    scopes: [cosmosId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT1H'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'available'
          metricName: 'ServiceAvailability'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          operator: 'LessThan'
          threshold: json('99.9')
          timeAggregation: 'Average'
        }
      ]
    }
    actions: [for id in told: { actionGroupId: id }]
  }
}

resource serverErrors 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = {
  name: 'parley-server-errors'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'More than five requests in five minutes ended in an error of Parley\'s own.'
    severity: 2
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/server-errors.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 5
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource throttledCallers 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = {
  name: 'parley-throttled-callers'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'More than ten callers in five minutes were told to come again (429): Cosmos DB gives too few request units a second.'
    severity: 2
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/throttled-callers.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 10
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource units 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = if (unitsPerSecond > 0) {
  name: 'parley-units'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'For five minutes Parley has spent more than 80 % of the request units that it may: throttling comes next.'
    severity: 3
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/units.kql')
          timeAggregation: 'Total'
          metricMeasureColumn: 'units'
          operator: 'GreaterThan'
          threshold: unitsPerSecond * 240 // 80 % of 300 seconds
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource unreadable 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = {
  name: 'parley-unreadable-page'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'Messages that were acknowledged cannot be read. Keep the backup and see docs/operations.md.'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/unreadable-pages.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource modelRefuses 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = if (hasModel) {
  name: 'parley-model-refuses'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'The model\'s endpoint refuses the app (401, 403, 404): key, role, address or deployment; nobody gets a reply.'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/model-refuses.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource modelFails 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = if (hasModel) {
  name: 'parley-model-fails'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'More than five turns in five minutes had no reply, because the model failed or was silent.'
    severity: 2
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/model-failures.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 5
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource modelBusy 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = if (hasModel) {
  name: 'parley-model-busy'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'More than ten turns in five minutes were told to come again, because the model, or an instance, has too much to do.'
    severity: 3
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/model-busy.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 10
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource archivalFails 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = {
  name: 'parley-archival-fails'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'Three runs of the timer in six hours did not do all there was.'
    severity: 3
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT1H'
    windowSize: 'PT6H'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/archival-failing.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 2
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource noArchival 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = if (expectsHourlyArchival) {
  name: 'parley-no-archival'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'The timer has not reported for three hours: idle sessions are not archived, nothing is tidied up.'
    severity: 2
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT1H'
    windowSize: 'PT3H'
    criteria: {
      allOf: [
        {
          query: loadTextContent('queries/archivals.kql')
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
        }
      ]
    }
    actions: { actionGroups: told }
  }
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: 'parley'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      spent: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: empty(email) ? [] : [email]
        contactRoles: ['Owner']
      }
      foreseen: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: empty(email) ? [] : [email]
        contactRoles: ['Owner']
      }
    }
  }
}
