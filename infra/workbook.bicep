// How Parley fares, on one page: the queries of the log that an operator asks most.
param location string
param tags object
param workspaceId string

var panels = [
  { title: 'Routes: what they are asked for, how fast they are, what they cost', look: 'table', query: loadTextContent('queries/routes.kql') }
  { title: 'Throttles: met, and told to callers', look: 'timechart', query: loadTextContent('queries/throttles.kql') }
  { title: 'Turns: how they ended, and what they took', look: 'table', query: loadTextContent('queries/turns.kql') }
  { title: 'Channels', look: 'table', query: loadTextContent('queries/channels.kql') }
  { title: 'The users who cost most, as keyed hashes', look: 'table', query: loadTextContent('queries/users.kql') }
  { title: 'Runs of the timer', look: 'table', query: loadTextContent('queries/archivals.kql') }
  { title: 'Erasures', look: 'table', query: loadTextContent('queries/erasures.kql') }
  { title: 'Starts', look: 'table', query: loadTextContent('queries/starts.kql') }
]
var heading = [
  {
    type: 1
    name: 'about'
    content: { json: '# Parley\nWhat the panels mean, and what to do: docs/operations.md.' }
  }
  {
    type: 9
    name: 'over'
    content: {
      version: 'KqlParameterItem/1.0'
      parameters: [
        {
          version: 'KqlParameterItem/1.0'
          name: 'Over'
          type: 4
          isRequired: true
          value: { durationMs: 86400000 }
          typeSettings: { selectableValues: [{ durationMs: 3600000 }, { durationMs: 86400000 }, { durationMs: 604800000 }, { durationMs: 2592000000 }] }
        }
      ]
    }
  }
]
var asked = [for panel in panels: {
  type: 3
  name: panel.title
  content: {
    version: 'KqlItem/1.0'
    title: panel.title
    query: panel.query
    size: 0
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    timeContextFromParameter: 'Over'
    visualization: panel.look
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'parley')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Parley'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat(heading, asked)
      fallbackResourceIds: [workspaceId]
    })
  }
}

output id string = workbook.id
