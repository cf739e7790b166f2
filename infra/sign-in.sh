#!/bin/sh
# Makes an app registration with which users sign in, and which needs no secret: it trusts the app's managed identity.
# Run it once, after `azd up`; then `azd provision`. It needs the Azure CLI, signed in, and may be run again.
set -eu

value() {
    azd env get-value "$1"
}

url=$(value PARLEY_URL)
identity=$(value IDENTITY_PRINCIPAL_ID)
tenant=$(az account show --query tenantId --output tsv)
name="parley-$(value AZURE_ENV_NAME)"

client=$(az ad app list --display-name "$name" --query '[0].appId' --output tsv)
if [ -z "$client" ]; then
    client=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --enable-id-token-issuance true \
        --web-redirect-uris "$url/.auth/login/aad/callback" --query appId --output tsv)
    az ad app update --id "$client" --identifier-uris "api://$client"
    az ad sp create --id "$client" --output none
fi
if [ -z "$(az ad app federated-credential list --id "$client" --query "[?subject=='$identity'].id" --output tsv)" ]; then
    az ad app federated-credential create --id "$client" --output none --parameters "{
        \"name\": \"parley\",
        \"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\",
        \"subject\": \"$identity\",
        \"audiences\": [\"api://AzureADTokenExchange\"]
    }"
fi

azd env set AUTH_CLIENT_ID "$client"
echo "Users will sign in with the app registration $name ($client) after: azd provision"
