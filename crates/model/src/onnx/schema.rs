//! The messages of the public `onnx-ml.proto` (ONNX 1.23, IR version 14), as tables.
//!
//! All of them stand here, not only those with weights: a reader that meets a field it does not know cannot say
//! what stands in it.  `tests/protobuf.rs` holds the tables against the `onnx` package.

/// A message and its fields.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    /// Below 32, so that a set of fields fits into one number.
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) times: Times,
    pub(crate) of: Type,
}

/// How often a field may be there, and how many values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// At most once.
    Once,
    /// At most once, and only where no other of the message's `Choice`s is.
    Choice,
    /// Any number of times, each with its tag.
    Many,
    /// Any number of times, all behind one tag.
    Packed,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Int32,
    Int64,
    Uint64,
    /// Numbers from 0 to this one.
    Enum(u64),
    Float,
    Double,
    /// Text or bytes, which are written alike.
    Bytes,
    Message(&'static Message),
}

const fn field(number: u32, name: &'static str, times: Times, of: Type) -> Field {
    assert!(number < 32, "a set of fields has 32 places");
    Field { number, name, times, of }
}

macro_rules! message {
    ($name:ident = $text:literal { $($number:literal $field:ident: $times:ident $of:expr),* $(,)? }) => {
        pub(crate) static $name: Message = Message {
            name: $text,
            fields: &[$(field($number, stringify!($field), $times, $of)),*],
        };
    };
}

use Times::{Choice, Many, Once, Packed};
use Type::{Bytes, Double, Enum, Float, Int32, Int64, Message as M, Uint64};

message!(MODEL = "ModelProto" {
    1 ir_version: Once Int64,
    2 producer_name: Once Bytes,
    3 producer_version: Once Bytes,
    4 domain: Once Bytes,
    5 model_version: Once Int64,
    6 doc_string: Once Bytes,
    7 graph: Once M(&GRAPH),
    8 opset_import: Many M(&OPERATOR_SET_ID),
    14 metadata_props: Many M(&STRING_STRING_ENTRY),
    20 training_info: Many M(&TRAINING_INFO),
    25 functions: Many M(&FUNCTION),
    26 configuration: Many M(&DEVICE_CONFIGURATION),
});

message!(GRAPH = "GraphProto" {
    1 node: Many M(&NODE),
    2 name: Once Bytes,
    5 initializer: Many M(&TENSOR),
    10 doc_string: Once Bytes,
    11 input: Many M(&VALUE_INFO),
    12 output: Many M(&VALUE_INFO),
    13 value_info: Many M(&VALUE_INFO),
    14 quantization_annotation: Many M(&TENSOR_ANNOTATION),
    15 sparse_initializer: Many M(&SPARSE_TENSOR),
    16 metadata_props: Many M(&STRING_STRING_ENTRY),
});

message!(NODE = "NodeProto" {
    1 input: Many Bytes,
    2 output: Many Bytes,
    3 name: Once Bytes,
    4 op_type: Once Bytes,
    5 attribute: Many M(&ATTRIBUTE),
    6 doc_string: Once Bytes,
    7 domain: Once Bytes,
    8 overload: Once Bytes,
    9 metadata_props: Many M(&STRING_STRING_ENTRY),
    10 device_configurations: Many M(&NODE_DEVICE_CONFIGURATION),
});

message!(ATTRIBUTE = "AttributeProto" {
    1 name: Once Bytes,
    2 f: Once Float,
    3 i: Once Int64,
    4 s: Once Bytes,
    5 t: Once M(&TENSOR),
    6 g: Once M(&GRAPH),
    7 floats: Many Float,
    8 ints: Many Int64,
    9 strings: Many Bytes,
    10 tensors: Many M(&TENSOR),
    11 graphs: Many M(&GRAPH),
    13 doc_string: Once Bytes,
    14 tp: Once M(&TYPE),
    15 type_protos: Many M(&TYPE),
    20 type: Once Enum(14),
    21 ref_attr_name: Once Bytes,
    22 sparse_tensor: Once M(&SPARSE_TENSOR),
    23 sparse_tensors: Many M(&SPARSE_TENSOR),
});

message!(TENSOR = "TensorProto" {
    1 dims: Many Int64,
    2 data_type: Once Int32,
    3 segment: Once M(&SEGMENT),
    4 float_data: Packed Float,
    5 int32_data: Packed Int32,
    6 string_data: Many Bytes,
    7 int64_data: Packed Int64,
    8 name: Once Bytes,
    9 raw_data: Once Bytes,
    10 double_data: Packed Double,
    11 uint64_data: Packed Uint64,
    12 doc_string: Once Bytes,
    13 external_data: Many M(&STRING_STRING_ENTRY),
    14 data_location: Once Enum(1),
    16 metadata_props: Many M(&STRING_STRING_ENTRY),
});

message!(SEGMENT = "TensorProto.Segment" { 1 begin: Once Int64, 2 end: Once Int64 });

message!(SPARSE_TENSOR = "SparseTensorProto" {
    1 values: Once M(&TENSOR),
    2 indices: Once M(&TENSOR),
    3 dims: Many Int64,
});

message!(FUNCTION = "FunctionProto" {
    1 name: Once Bytes,
    4 input: Many Bytes,
    5 output: Many Bytes,
    6 attribute: Many Bytes,
    7 node: Many M(&NODE),
    8 doc_string: Once Bytes,
    9 opset_import: Many M(&OPERATOR_SET_ID),
    10 domain: Once Bytes,
    11 attribute_proto: Many M(&ATTRIBUTE),
    12 value_info: Many M(&VALUE_INFO),
    13 overload: Once Bytes,
    14 metadata_props: Many M(&STRING_STRING_ENTRY),
});

message!(TRAINING_INFO = "TrainingInfoProto" {
    1 initialization: Once M(&GRAPH),
    2 algorithm: Once M(&GRAPH),
    3 initialization_binding: Many M(&STRING_STRING_ENTRY),
    4 update_binding: Many M(&STRING_STRING_ENTRY),
});

message!(VALUE_INFO = "ValueInfoProto" {
    1 name: Once Bytes,
    2 type: Once M(&TYPE),
    3 doc_string: Once Bytes,
    4 metadata_props: Many M(&STRING_STRING_ENTRY),
});

message!(TYPE = "TypeProto" {
    1 tensor_type: Choice M(&TYPE_TENSOR),
    4 sequence_type: Choice M(&TYPE_SEQUENCE),
    5 map_type: Choice M(&TYPE_MAP),
    6 denotation: Once Bytes,
    7 opaque_type: Choice M(&TYPE_OPAQUE),
    8 sparse_tensor_type: Choice M(&TYPE_SPARSE_TENSOR),
    9 optional_type: Choice M(&TYPE_OPTIONAL),
});

message!(TYPE_TENSOR = "TypeProto.Tensor" {
    1 elem_type: Once Int32,
    2 shape: Once M(&TENSOR_SHAPE),
});

message!(TYPE_SPARSE_TENSOR = "TypeProto.SparseTensor" {
    1 elem_type: Once Int32,
    2 shape: Once M(&TENSOR_SHAPE),
});

message!(TYPE_SEQUENCE = "TypeProto.Sequence" { 1 elem_type: Once M(&TYPE) });

message!(TYPE_MAP = "TypeProto.Map" { 1 key_type: Once Int32, 2 value_type: Once M(&TYPE) });

message!(TYPE_OPTIONAL = "TypeProto.Optional" { 1 elem_type: Once M(&TYPE) });

message!(TYPE_OPAQUE = "TypeProto.Opaque" { 1 domain: Once Bytes, 2 name: Once Bytes });

message!(TENSOR_SHAPE = "TensorShapeProto" { 1 dim: Many M(&DIMENSION) });

message!(DIMENSION = "TensorShapeProto.Dimension" {
    1 dim_value: Choice Int64,
    2 dim_param: Choice Bytes,
    3 denotation: Once Bytes,
});

message!(STRING_STRING_ENTRY = "StringStringEntryProto" { 1 key: Once Bytes, 2 value: Once Bytes });

message!(TENSOR_ANNOTATION = "TensorAnnotation" {
    1 tensor_name: Once Bytes,
    2 quant_parameter_tensor_names: Many M(&STRING_STRING_ENTRY),
});

message!(OPERATOR_SET_ID = "OperatorSetIdProto" { 1 domain: Once Bytes, 2 version: Once Int64 });

message!(DEVICE_CONFIGURATION = "DeviceConfigurationProto" {
    1 name: Once Bytes,
    2 num_devices: Once Int32,
    3 device: Many Bytes,
});

message!(NODE_DEVICE_CONFIGURATION = "NodeDeviceConfigurationProto" {
    1 configuration_id: Once Bytes,
    2 sharding_spec: Many M(&SHARDING_SPEC),
    3 pipeline_stage: Once Int32,
});

message!(SHARDING_SPEC = "ShardingSpecProto" {
    1 tensor_name: Once Bytes,
    2 device: Many Int64,
    3 index_to_device_group_map: Many M(&INT_INT_LIST_ENTRY),
    4 sharded_dim: Many M(&SHARDED_DIM),
});

message!(INT_INT_LIST_ENTRY = "IntIntListEntryProto" { 1 key: Once Int64, 2 value: Many Int64 });

message!(SHARDED_DIM = "ShardedDimProto" {
    1 axis: Once Int64,
    2 simple_sharding: Many M(&SIMPLE_SHARDED_DIM),
});

message!(SIMPLE_SHARDED_DIM = "SimpleShardedDimProto" {
    1 dim_value: Choice Int64,
    2 dim_param: Choice Bytes,
    3 num_shards: Once Int64,
});
