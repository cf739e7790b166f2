"""Makes the database and the container in an account: `make provision`.

The app never does this itself: the role it runs under, Cosmos DB Built-in Data Contributor, may not.
"""

import asyncio
import sys
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.cosmos.aio import ContainerProxy, DatabaseProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from shared.settings import Settings, SettingsError, load_settings
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.schema import DEFAULT_TTL, INDEXING_POLICY, PARTITION_KEY

EXPLAINED = {
    401: "The key is not this account's. Check COSMOS_KEY, or leave it out to sign in as yourself.",
    403: (
        "This identity may not create databases or containers (data roles never can), or a firewall keeps you out.\n"
        "Use the account's key, an identity with the role DocumentDB Account Contributor, or your infrastructure code."
    ),
    404: "There is no Cosmos DB (NoSQL API) account at this endpoint.",
}


def main() -> int:
    """Provision what the settings name; 0 when it is there and right, 1 when it is not, 2 for broken settings."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if settings.cosmos_endpoint is None:
        print("COSMOS_ENDPOINT=https://ACCOUNT.documents.azure.com COSMOS_KEY=… make provision", file=sys.stderr)
        return 2
    try:
        faults = asyncio.run(provision(settings))
    except AzureError as error:
        print(f"{settings.cosmos_endpoint}: {explain(error)}", file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{settings.cosmos_database}/{settings.cosmos_container} at {settings.cosmos_endpoint} is ready.")
    return 1 if faults else 0


async def provision(settings: Settings) -> list[str]:
    """Make what is missing, bring the indexing policy up to date, and return what cannot be put right."""
    connection = Connection(
        settings.cosmos_endpoint or "",
        settings.cosmos_key,
        settings.cosmos_database,
        settings.cosmos_container,
        emulator=settings.cosmos_emulator,
    )
    try:
        database = await connection.create_database()
        container = await connection.create_container(database)
        return await _bring_up_to_date(database, container)
    finally:
        await connection.close()


async def _bring_up_to_date(database: DatabaseProxy, container: ContainerProxy) -> list[str]:
    found: dict[str, Any] = await container.read()
    paths = found["partitionKey"]["paths"]
    if paths != [PARTITION_KEY]:
        return [f"The container is partitioned by {paths}, not by {PARTITION_KEY}; choose another COSMOS_CONTAINER."]
    await database.replace_container(
        container, found["partitionKey"], default_ttl=DEFAULT_TTL, indexing_policy=INDEXING_POLICY
    )
    return []


def explain(error: AzureError) -> str:
    """Say what is wrong with an endpoint, a key or a permission, and what to do about it."""
    if isinstance(error, ClientAuthenticationError):
        return f"Signing in failed; run az login, or set COSMOS_KEY.\n{error.message}"
    if isinstance(error, ServiceRequestError):
        return "The endpoint cannot be reached. Check COSMOS_ENDPOINT, your network, and the account's firewall."
    if isinstance(error, CosmosHttpResponseError) and error.status_code in EXPLAINED:
        return EXPLAINED[error.status_code]
    return f"The service refused: {error.message}"


if __name__ == "__main__":
    sys.exit(main())
