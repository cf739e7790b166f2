"""Whether each module is given what it takes, and gives what is read of it."""

from tests.deployment.bicep import BicepFile, Declaration, Fault, properties, source, walk

KINDS = {"string": "string", "number": "int", "boolean": "bool", "array": "array", "object": "object"}


def module_faults(file: BicepFile, files: dict[str, BicepFile]) -> list[Fault]:
    """Return where a file uses another otherwise than it is written; `files` are all, by name."""
    faults: list[Fault] = []
    for module in file.of_kind("module"):
        other = files.get(module.text)
        if other is None:
            faults.append(file.fault(module.node, f"there is no module {module.text}"))
            continue
        faults += _parameter_faults(file, module, other) + _output_faults(file, module, other)
    return faults


def _parameter_faults(file: BicepFile, module: Declaration, other: BicepFile) -> list[Fault]:
    given = properties(properties(module.body)["params"][1])
    taken = {declared.name: declared for declared in other.of_kind("param")}
    faults = [
        file.fault(key, f"{module.text} takes no {name}") for name, (key, _) in given.items() if name not in taken
    ]
    faults += [
        file.fault(module.node, f"{module.text} needs {name}")
        for name, declared in taken.items()
        if name not in given and declared.default is None
    ]
    for name, (_, value) in given.items():
        if name not in taken:
            continue
        kind = KINDS.get(value.type)
        declared = file.declarations.get(source(value)) if value.type == "identifier" else None
        if declared is not None and declared.kind == "param":
            kind = declared.declared_type
        if kind is not None and kind != taken[name].declared_type:
            faults.append(file.fault(value, f"{name} is {taken[name].declared_type}, not {kind}"))
    return faults


def _output_faults(file: BicepFile, module: Declaration, other: BicepFile) -> list[Fault]:
    outputs = {declared.name for declared in other.of_kind("output")}
    faults = []
    for node in walk(file.root):
        if node.type != "member_expression":
            continue
        of, name = node.named_children[:2]
        if source(of).replace("!", "") == f"{module.name}.outputs" and source(name) not in outputs:
            faults.append(file.fault(node, f"{module.text} has no output {source(name)}"))
    return faults
