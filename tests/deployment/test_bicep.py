"""Every Bicep file can be parsed, and says nothing that the resources do not have; and what is wrong is found."""

import pytest

from tests.deployment.bicep import BicepFile, Fault
from tests.deployment.conftest import INFRA, NO_TYPES
from tests.deployment.modules import module_faults
from tests.deployment.resource_types import TypeData, full_type, type_faults

# Each kind of mistake, once: the file, what stands there, what somebody writes instead, and what is said of it.
WITHOUT_TYPES = {
    "syntax": ("storage.bicep", "name: 'default'\n}", "name: 'default'\n", "cannot be parsed"),
    "undefined name": ("storage.bicep", "parent: blobs", "parent: blob", "blob is declared nowhere"),
    "no such function": ("cosmos.bicep", "empty(principalId)", "isEmpty(principalId)", "isEmpty is declared nowhere"),
    "used nowhere": ("model.bicep", "param accountName", "param other int\nparam accountName", "other is never used"),
    "a module's parameter": ("main.bicep", "backup: cosmosBackup", "backups: cosmosBackup", "takes no backups"),
    "a parameter left out": ("main.bicep", "    dailyQuotaGb: logDailyQuotaGb\n", "", "needs dailyQuotaGb"),
    "a parameter's kind": (
        "main.bicep",
        "isPrivate: privateNetwork",
        "isPrivate: 'yes'",
        "is bool, not string",
    ),
    "a module's output": ("main.bicep", "cosmos.outputs.endpoint", "cosmos.outputs.url", "has no output url"),
}
WITH_TYPES = {
    "unknown type": ("storage.bicep", "/blobServices@", "/blobService@", "there is no type"),
    "unknown version": (
        "cosmos.bicep",
        "databaseAccounts@2025-04-15",
        "databaseAccounts@2025-04-16",
        "there is no type",
    ),
    "unknown property": ("cosmos.bicep", "disableLocalAuth:", "disableLocalAuthentication:", "is no property here"),
    "wrong type": ("monitoring.bicep", "DisableLocalAuth: true", "DisableLocalAuth: 'true'", "is not true or false"),
    "another parameter": (
        "cosmos.bicep",
        "param zoneRedundant bool",
        "param zoneRedundant string",
        "not true",
    ),
    "required missing": (
        "cosmos.bicep",
        "    databaseAccountOfferType: 'Standard'\n",
        "",
        "OfferType is",
    ),
    "none of the values": ("storage.bicep", "'Standard_LRS'", "'Standard_LSR'", "is none of"),
    "read-only": ("identity.bicep", "  tags: tags\n", "  tags: tags\n  id: 'x'\n", "id is read-only"),
    "in a loop": ("network.bicep", "registrationEnabled: false", "registrationEnabled: 0", "is not true or false"),
    "in a nested resource": ("functions.bicep", "{ allow: false }", "{ allowed: false }", "allowed is no property"),
    "chosen by name": ("functions.bicep", "'authsettingsV2'", "'authSettings2'", "must be one of"),
    "read of a resource": ("storage.bicep", "primaryEndpoints.blob", "primaryEndpoint.blob", "account has no"),
}


def faults_without_types(files: dict[str, BicepFile]) -> list[Fault]:
    return [
        fault
        for file in files.values()
        for fault in file.syntax_faults() + file.name_faults() + module_faults(file, files)
    ]


def faults_of_types(files: dict[str, BicepFile], types: TypeData) -> list[Fault]:
    return [fault for file in files.values() for fault in type_faults(file, types)]


def mistaken(files: dict[str, BicepFile], name: str, right: str, wrong: str) -> dict[str, BicepFile]:
    """Return the files with one mistake in one of them."""
    text = (INFRA / name).read_text(encoding="utf-8")
    assert right in text, f"{name} does not say {right}; the mistake has to be made elsewhere"
    return {**files, name: BicepFile(INFRA / name, text.replace(right, wrong, 1))}


def test_the_bicep_files_can_be_parsed_and_their_names_and_modules_are_there(files: dict[str, BicepFile]) -> None:
    assert [str(fault) for fault in faults_without_types(files)] == []


def test_the_resources_say_what_their_types_have(files: dict[str, BicepFile], types: TypeData) -> None:
    assert [str(fault) for fault in faults_of_types(files, types)] == []
    declared = {full_type(each) for file in files.values() for each in file.of_kind("resource")}
    if unknown := sorted(name for name in declared if not types.can_tell(name)):
        pytest.skip(f"the rest is right; nothing is known of {', '.join(unknown)}: {NO_TYPES}")


@pytest.mark.parametrize("mistake", WITHOUT_TYPES)
def test_a_mistake_in_the_language_is_found(files: dict[str, BicepFile], mistake: str) -> None:
    name, right, wrong, said = WITHOUT_TYPES[mistake]
    found = faults_without_types(mistaken(files, name, right, wrong))

    assert any(fault.file == name and said in fault.message for fault in found), [str(fault) for fault in found]


@pytest.mark.parametrize("mistake", WITH_TYPES)
def test_a_mistake_in_a_resource_is_found(files: dict[str, BicepFile], types: TypeData, mistake: str) -> None:
    name, right, wrong, said = WITH_TYPES[mistake]
    if mistake in {"unknown version", "in a loop"} and not types.is_whole:
        pytest.skip(f"this part of the data may not know of it: {NO_TYPES}")
    found = faults_of_types(mistaken(files, name, right, wrong), types)

    assert any(fault.file == name and said in fault.message for fault in found), [str(fault) for fault in found]
