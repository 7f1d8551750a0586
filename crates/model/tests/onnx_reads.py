"""How the onnx package reads what crates/model reads.

    onnx_reads.py schema            its messages, a line a field
    onnx_reads.py mutants <file>    pairs of a file and our writing of it, which is empty where we refuse the file
"""

import struct
import sys

import onnx
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

TYPES = {F.TYPE_INT32: "int32", F.TYPE_INT64: "int64", F.TYPE_UINT64: "uint64", F.TYPE_FLOAT: "float",
         F.TYPE_DOUBLE: "double", F.TYPE_STRING: "bytes", F.TYPE_BYTES: "bytes"}


def schema():
    seen, waiting = set(), [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        for field in message.fields:
            if field.message_type:
                waiting.append(field.message_type)
                of = field.message_type.full_name.removeprefix("onnx.")
            elif field.enum_type:
                numbers = sorted(value.number for value in field.enum_type.values)
                assert numbers == list(range(len(numbers))), f"{field.full_name} has holes"
                of = f"enum..{numbers[-1]}"
            else:
                of = TYPES[field.type]
            repeated = field.is_repeated
            times = ("packed" if field.is_packed else "many") if repeated else (
                "choice" if field.containing_oneof else "once")
            print(message.full_name.removeprefix("onnx."), field.number, field.name, times, of)


def is_outside(message):
    if isinstance(message, onnx.TensorProto) and (
            message.external_data or message.data_location == onnx.TensorProto.EXTERNAL):
        return True
    for field, value in message.ListFields():
        if field.message_type:
            if any(is_outside(below) for below in (value if field.is_repeated else [value])):
                return True
    return False


def has_unknown(message):
    if len(UnknownFieldSet(message)):
        return True
    return any(has_unknown(below) for field, value in message.ListFields() if field.message_type
               for below in (value if field.is_repeated else [value]))


def difference(file, ours, theirs):
    """What is wrong with our having taken the file, if anything is."""
    if theirs is None:
        return "they cannot read it"
    if is_outside(theirs):
        return "they find weights in another file"
    if has_unknown(theirs):
        return "they find unknown fields"
    if onnx.ModelProto.FromString(ours) != theirs:
        return "our writing is another model to them"
    if theirs.SerializeToString(deterministic=True) != ours:
        return "they would write it otherwise"
    return None


def mutants(path):
    with open(path, "rb") as source:
        data = source.read()
    at, count, outside, taken, differ = 0, 0, 0, 0, 0
    while at < len(data):
        pair = []
        for _ in range(2):
            (length,) = struct.unpack_from("<I", data, at)
            pair.append(data[at + 4:at + 4 + length])
            at += 4 + length
        file, ours = pair
        count += 1
        try:
            theirs = onnx.ModelProto.FromString(file)
        except DecodeError:
            theirs = None
        outside += theirs is not None and is_outside(theirs)
        if ours:
            taken += 1
            wrong = difference(file, ours, theirs)
            if wrong:
                differ += 1
                print(f"{wrong}: {file.hex()}", file=sys.stderr)
    print(f"mutants {count} outside {outside} taken {taken} differ {differ}")


{"schema": schema, "mutants": mutants}[sys.argv[1]](*sys.argv[2:])
