"""What the infrastructure code makes: no keys, one write region, the code's container, settings that exist."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra import package
from shared.settings import PROJECT_ROOT, load_settings
from shared.store.cosmos import schema
from tests.deployment.bicep import BicepFile, content, literal, properties, source, walk
from tests.deployment.conftest import INFRA

Files = dict[str, BicepFile]

OF_THE_PLATFORM = {  # what the Functions host, App Service Authentication and azure-identity read
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__blobServiceUri",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AZURE_CLIENT_ID",
    "AZURE_TOKEN_CREDENTIALS",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
DEAD_ON_FLEX = {  # Flex Consumption ignores or refuses them; functionAppConfig says the same
    *("FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME_VERSION", "FUNCTIONS_WORKER_PROCESS_COUNT"),
    *("FUNCTIONS_EXTENSION_VERSION", "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD", "WEBSITE_VNET_ROUTE_ALL"),
    *("WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING"),
    *("linuxFxVersion", "alwaysOn", "healthCheckPath"),
}
ROLES = {  # Azure's built-in roles that Parley gives, by their ids
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Cosmos DB Built-in Data Contributor": "00000000-0000-0000-0000-000000000002",
    "Cognitive Services OpenAI User": "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
}
VARIABLES = ("ofThePlatform", "ofSigningIn", "ofParley", "ofTheModel")
GIVEN = {
    "<cosmosEndpoint>": "https://cosmos-parley.documents.azure.com:443/",
    "<cosmosDatabase>": "parley",
    "<cosmosContainer>": "sessions",
    "<logHashKey>": "0123456789abcdef0123456789abcdef",
    "<modelEndpoint>": "https://models.openai.azure.com/openai/v1",
    "<modelName>": "a-deployment",
    "<usersSignIn ? 'easyauth' : 'trusted'>": "easyauth",
}
NOT_BY_HAND = {"COSMOS_KEY", "SQLITE_PATH", "COSMOS_EMULATOR", "PORT"}  # nothing on Azure has a use for them


class Recorder(dict[str, str]):
    """An environment that remembers what it is asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def resource(files: Files, file: str, name: str) -> Mapping[str, Any]:
    """Return a resource's properties, as far as they stand there."""
    return dict(literal(files[file].declarations[name].body)["properties"])


def variable(files: Files, file: str, name: str) -> Any:
    return literal(files[file].declarations[name].node.named_children[-1])


def strings(files: Files) -> Iterator[str]:
    for file in files.values():
        yield from (content(node) for node in walk(file.root) if node.type == "string")


def on_azure(files: Files, *variables: str) -> dict[str, str]:
    """Return the environment that the infrastructure code gives the app, examples where a value is not known yet."""
    written = {name: value for each in variables for name, value in variable(files, "functions.bicep", each).items()}
    known = {name: GIVEN.get(value, value) for name, value in written.items()}
    return {"WEBSITE_INSTANCE_ID": "an instance", **known}


def test_the_container_is_the_one_of_the_policy_file(files: Files) -> None:
    container = files["cosmos.bicep"].declarations["container"].node.named_children[-1]
    path = (INFRA / content(container.named_children[1].named_children[0])).resolve()
    made = resource(files, "cosmos.bicep", "sessions")["resource"]

    assert source(container.named_children[0]) == "loadJsonContent"
    assert json.loads(path.read_text(encoding="utf-8")) == schema.CONTAINER
    assert {name: made[name] for name in schema.CONTAINER} == {name: f"<container.{name}>" for name in schema.CONTAINER}


def test_no_account_has_keys(files: Files) -> None:
    storage = resource(files, "storage.bicep", "account")

    assert resource(files, "cosmos.bicep", "account")["disableLocalAuth"] is True
    assert resource(files, "monitoring.bicep", "insights")["DisableLocalAuth"] is True
    assert resource(files, "monitoring.bicep", "workspace")["features"] == {"disableLocalAuth": True}
    assert (storage["allowSharedKeyAccess"], storage["allowBlobPublicAccess"]) == (False, False)
    assert not [text for text in strings(files) if re.search(r"AccountKey=|SharedAccessKey|sig=", text)]
    assert not [
        source(node) for file in files.values() for node in walk(file.root) if re.match(r"list[A-Z]\w*\(", source(node))
    ]


def test_one_region_writes_reads_follow_the_session_and_backups_go_on(files: Files) -> None:
    account = resource(files, "cosmos.bicep", "account")

    assert (account["enableMultipleWriteLocations"], len(account["locations"])) == (False, 1)
    assert account["consistencyPolicy"] == {"defaultConsistencyLevel": "Session"}
    assert account["backupPolicy"]["type"] == "Continuous"


def test_every_role_that_is_given_is_one_that_the_app_needs(files: Files) -> None:
    ids = {text for text in strings(files) if re.fullmatch(r"[0-9a-f-]{36}", text)}

    assert ids == set(ROLES.values())


def test_every_setting_of_the_app_is_read_by_somebody_and_alive(files: Files, tmp_path: Path) -> None:
    environment = Recorder(on_azure(files, *VARIABLES))
    written = environment.keys() - {"WEBSITE_INSTANCE_ID"}
    load_settings(environment, tmp_path)

    assert written > OF_THE_PLATFORM
    assert written - OF_THE_PLATFORM <= environment.asked
    assert not written & (DEAD_ON_FLEX | NOT_BY_HAND)


def test_parley_starts_with_the_settings_that_it_is_given(files: Files, tmp_path: Path) -> None:
    settings = load_settings(on_azure(files, *VARIABLES), tmp_path)

    assert (settings.store, settings.cosmos_key, settings.user_identity) == ("cosmos", None, "easyauth")
    assert settings.cosmos_endpoint == GIVEN["<cosmosEndpoint>"]


def test_nothing_that_is_dead_on_flex_is_written_anywhere(files: Files) -> None:
    names = {
        name
        for file in files.values()
        for node in walk(file.root)
        if node.type == "object"
        for name in properties(node)
    }

    assert not names & DEAD_ON_FLEX


def test_what_parley_sets_itself_cannot_be_overridden(files: Files) -> None:
    merged = files["functions.bicep"].declarations["appSettings"].node.named_children[-1]
    order = [source(part) for part in merged.named_children[1].named_children]

    assert order.index("settings") < order.index("ofParley") < order.index("ofThePlatform")


def test_who_has_not_signed_in_reaches_what_is_open_and_parley_refuses_the_rest(files: Files) -> None:
    sign_in = resource(files, "functions.bicep", "signIn")

    assert sign_in["globalValidation"] == {
        "requireAuthentication": False,
        "unauthenticatedClientAction": "AllowAnonymous",
    }
    registration = sign_in["identityProviders"]["azureActiveDirectory"]["registration"]
    assert registration["clientSecretSettingName"] in variable(files, "functions.bicep", "ofSigningIn")


def test_the_package_is_built_for_the_python_that_runs_it(files: Files) -> None:
    assert variable(files, "functions.bicep", "pythonVersion") == package.RUNTIME


def test_azd_gives_every_parameter_from_its_environment(files: Files) -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]

    assert parameters.keys() == {declared.name for declared in files["main.bicep"].of_kind("param")}
    for given in parameters.values():
        assert re.fullmatch(r"\$\{[A-Z_]+\}", given["value"])


def test_each_azd_value_is_explained_on_the_deployment_page(files: Files) -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    page = (PROJECT_ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

    missing = [given["value"][2:-1] for given in parameters.values() if f"`{given['value'][2:-1]}`" not in page]
    assert missing == []


def test_a_deployment_says_where_it_is_how_to_get_its_key_and_where_to_look(files: Files) -> None:
    outputs = {declared.name for declared in files["main.bicep"].of_kind("output")}

    assert outputs >= {"PARLEY_URL", "PARLEY_KEY_COMMAND", "PORTAL_FUNCTIONS", "PORTAL_COSMOS", "PORTAL_LOGS"}
