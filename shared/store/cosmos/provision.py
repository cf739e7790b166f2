"""Makes the database and the container in an account: `make provision`.

The app never does this itself: the role it runs under, Cosmos DB Built-in Data Contributor, may not.
"""

import asyncio
import sys

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.cosmos.exceptions import CosmosHttpResponseError

from shared.errors import StoreUnusableError
from shared.settings import Settings, SettingsError, load_settings
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.schema import lacks, policy_changes

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
        said = asyncio.run(provision(settings))
    except StoreUnusableError as error:
        print(error.reason, file=sys.stderr)
        return 1
    except AzureError as error:
        print(f"{settings.cosmos_endpoint}: {explain(error)}", file=sys.stderr)
        return 1
    for line in said:
        print(line)
    return 0


async def provision(settings: Settings) -> list[str]:
    """Make what is missing, mend what can be mended, and return what there is to say about it.

    Raises StoreUnusableError for a container that stays unfit: with another partition key, for one.
    """
    place = f"{settings.cosmos_database}/{settings.cosmos_container}"
    connection = Connection(
        settings.cosmos_endpoint or "",
        settings.cosmos_key,
        settings.cosmos_database,
        settings.cosmos_container,
        emulator=settings.cosmos_emulator,
    )
    try:
        database = await connection.create_database()
        _, found = await connection.create_container(database)
        connection.require_partition(found)
        faults = lacks(found) + policy_changes(found)
        if faults and (left := lacks(await connection.mend_container(database, found))):
            raise StoreUnusableError(f"{place} still {' and '.join(left)}: the service does not keep what it is given")
    finally:
        await connection.close()
    changes = [f"{place} {fault}: changed." for fault in faults]
    return [*changes, f"{place} at {settings.cosmos_endpoint} is ready."]


def explain(error: AzureError) -> str:
    """Say what is wrong with an endpoint, a key or a permission, and what to do about it."""
    if isinstance(error, ClientAuthenticationError):
        return "Signing in failed; run az login, or set COSMOS_KEY."
    if isinstance(error, ServiceRequestError):
        return "The endpoint cannot be reached. Check COSMOS_ENDPOINT, your network, and the account's firewall."
    if isinstance(error, CosmosHttpResponseError) and error.status_code in EXPLAINED:
        return EXPLAINED[error.status_code]
    if isinstance(error, CosmosHttpResponseError):
        return f"The service refused with status {error.status_code}: {error.http_error_message or error.reason}"
    return f"The service did not answer as it should ({type(error).__name__})."


if __name__ == "__main__":
    sys.exit(main())
