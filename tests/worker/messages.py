"""The messages between the Functions host and its runtime: as much of Microsoft's FunctionRpc as these tests speak.

They are real protobuf messages, so that what the runtime writes is checked as it is on Azure: a header that is no
text or a status that is no string raises here too. In one process only names and types matter, so the
field numbers are simply counted. Names and types: github.com/Azure/azure-functions-language-worker-protobuf.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

MessageType = TypeVar("MessageType", bound=Message)
Field = descriptor_pb2.FieldDescriptorProto

PACKAGE: Final = "worker"
SCALARS: Final = {
    "string": Field.TYPE_STRING,
    "bytes": Field.TYPE_BYTES,
    "bool": Field.TYPE_BOOL,
    "int32": Field.TYPE_INT32,
    "sint64": Field.TYPE_SINT64,
    "double": Field.TYPE_DOUBLE,
}
ENUMS: Final = {
    "BindingInfo": {"Direction": ("in", "out", "inout"), "DataType": ("undefined", "string", "binary", "stream")},
    "StatusResult": {"Status": ("Failure", "Success", "Cancelled")},
}
ONEOFS: Final = {"StreamingMessage": "content", "TypedData": "data", "ParameterBinding": "rpc_data"}
OUTSIDE_ONEOFS: Final = {"request_id", "name"}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "StreamingMessage": {
        "request_id": "string",
        "worker_init_request": "WorkerInitRequest",
        "functions_metadata_request": "FunctionsMetadataRequest",
        "function_load_request": "FunctionLoadRequest",
        "function_environment_reload_request": "FunctionEnvironmentReloadRequest",
        "invocation_request": "InvocationRequest",
    },
    "WorkerInitRequest": {
        "host_version": "string",
        "capabilities": "map string",
        "worker_directory": "string",
        "function_app_directory": "string",
    },
    "WorkerInitResponse": {
        "capabilities": "map string",
        "worker_metadata": "WorkerMetadata",
        "result": "StatusResult",
    },
    "FunctionEnvironmentReloadRequest": {
        "environment_variables": "map string",
        "function_app_directory": "string",
    },
    "FunctionEnvironmentReloadResponse": {
        "capabilities": "map string",
        "worker_metadata": "WorkerMetadata",
        "result": "StatusResult",
    },
    "WorkerMetadata": {
        "runtime_name": "string",
        "runtime_version": "string",
        "worker_version": "string",
        "worker_bitness": "string",
        "custom_properties": "map string",
    },
    "FunctionsMetadataRequest": {"function_app_directory": "string"},
    "FunctionMetadataResponse": {
        "function_metadata_results": "list RpcFunctionMetadata",
        "result": "StatusResult",
        "use_default_metadata_indexing": "bool",
    },
    "RpcFunctionMetadata": {
        "name": "string",
        "directory": "string",
        "script_file": "string",
        "entry_point": "string",
        "bindings": "map BindingInfo",
        "is_proxy": "bool",
        "language": "string",
        "raw_bindings": "list string",
        "function_id": "string",
        "managed_dependency_enabled": "bool",
        "retry_options": "RpcRetryOptions",
        "properties": "map string",
    },
    "RpcRetryOptions": {"max_retry_count": "int32"},
    "BindingInfo": {"type": "string", "direction": "BindingInfo.Direction", "data_type": "BindingInfo.DataType"},
    "FunctionLoadRequest": {"function_id": "string", "metadata": "RpcFunctionMetadata"},
    "FunctionLoadResponse": {"function_id": "string", "result": "StatusResult"},
    "InvocationRequest": {
        "invocation_id": "string",
        "function_id": "string",
        "input_data": "list ParameterBinding",
        "trigger_metadata": "map TypedData",
        "trace_context": "RpcTraceContext",
        "retry_context": "RetryContext",
    },
    "InvocationResponse": {
        "invocation_id": "string",
        "output_data": "list ParameterBinding",
        "return_value": "TypedData",
        "result": "StatusResult",
    },
    "RpcTraceContext": {"trace_parent": "string", "trace_state": "string", "attributes": "map string"},
    "RetryContext": {"retry_count": "int32", "max_retry_count": "int32", "exception": "RpcException"},
    "ParameterBinding": {"name": "string", "data": "TypedData"},
    "TypedData": {
        "string": "string",
        "json": "string",
        "bytes": "bytes",
        "http": "RpcHttp",
        "int": "sint64",
        "double": "double",
    },
    "RpcHttp": {
        "method": "string",
        "url": "string",
        "headers": "map string",
        "body": "TypedData",
        "params": "map string",
        "status_code": "string",
        "query": "map string",
        "enable_content_negotiation": "bool",
        "cookies": "list RpcHttpCookie",
    },
    "RpcHttpCookie": {"name": "string", "value": "string"},
    "StatusResult": {"status": "StatusResult.Status", "result": "string", "exception": "RpcException"},
    "RpcException": {"source": "string", "stack_trace": "string", "message": "string"},
}


def over_the_wire(message: MessageType) -> MessageType:
    """Return the message as the other side receives it."""
    return type(message).FromString(message.SerializeToString())


def _message_classes() -> SimpleNamespace:
    file = descriptor_pb2.FileDescriptorProto(name="worker.proto", package=PACKAGE, syntax="proto3")
    file.message_type.extend(_message(name, fields) for name, fields in FIELDS.items())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name], pool)
    return SimpleNamespace(**{name: classes[f"{PACKAGE}.{name}"] for name in FIELDS})


def _message(name: str, fields: Mapping[str, str]) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name=name)
    if name in ONEOFS:
        message.oneof_decl.add(name=ONEOFS[name])
    for (field, declared), number in zip(fields.items(), count(1)):
        label, _, kind = declared.rpartition(" ")
        if label == "map":
            message.nested_type.append(_map_entry(field, kind))
            kind = f"{name}.{_entry_name(field)}"
        within = {"oneof_index": 0} if name in ONEOFS and field not in OUTSIDE_ONEOFS else {}
        message.field.append(_field(field, number, kind, repeated=bool(label), **within))
    message.enum_type.extend(_enums(name))
    return message


def _field(name: str, number: int, kind: str, *, repeated: bool = False, **options: Any) -> Field:
    label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    if kind in SCALARS:
        return Field(name=name, number=number, label=label, type=SCALARS[kind], **options)
    return Field(name=name, number=number, label=label, type_name=f".{PACKAGE}.{kind}", **options)


def _map_entry(field: str, kind: str) -> descriptor_pb2.DescriptorProto:
    entry = descriptor_pb2.DescriptorProto(name=_entry_name(field))
    entry.field.extend([_field("key", 1, "string"), _field("value", 2, kind)])
    entry.options.map_entry = True
    return entry


def _entry_name(field: str) -> str:
    return field.title().replace("_", "") + "Entry"


def _enums(message: str) -> Iterator[descriptor_pb2.EnumDescriptorProto]:
    for name, values in ENUMS.get(message, {}).items():
        enum = descriptor_pb2.EnumDescriptorProto(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
        yield enum


protos: Final = _message_classes()
"""The classes by name, as the runtime wants to be given them."""
