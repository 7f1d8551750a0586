#![expect(clippy::unwrap_used, reason = "tests")]

use super::by_hand::{Bytes, elsewhere, graph, message, model, tensor};
use super::fault::Fault;
use super::*;

/// What the engine answers to zeros: the two numbers that it took for `w`.
fn as_the_engine_reads(bytes: &[u8]) -> Option<[f32; 2]> {
    let mut session = crate::model::session().unwrap().commit_from_memory(bytes).ok()?;
    let input = ort::value::TensorRef::from_array_view(([1_usize, 2], &[0.0_f32; 2][..])).unwrap();
    let outputs = session.run(ort::inputs![input]).ok()?;
    outputs[0].try_extract_tensor::<f32>().unwrap().1.try_into().ok()
}

/// What stands in the file, as the engine makes numbers of it.
fn the_secret() -> [f32; 2] {
    let bytes = std::fs::read("samples/root.onnx").unwrap();
    [3, 4].map(|at| f32::from(bytes[at]))
}

fn initializer(tensor: &Bytes) -> Bytes {
    message().bytes(5, tensor)
}

fn ambiguous(bytes: &[u8]) -> Option<Fault> {
    match canonical(bytes) {
        Err(Refusal::NotOnnx(NotOnnx::Ambiguous(fault))) => Some(fault),
        _ => None,
    }
}

#[test]
fn no_encoding_hides_weights_in_another_file_from_us_that_the_engine_finds() {
    let outside = tensor().raw(&elsewhere().0);
    let none = message();
    let plain = model(graph(none.clone(), &initializer(&outside), &none));
    assert_eq!(canonical(&plain.0), Err(Refusal::Outside(b"w".to_vec())));
    assert_eq!(as_the_engine_reads(&plain.0), Some(the_secret()), "the danger is real");

    // The tag of the initializer in five bytes, of which the engine drops the highest bits.
    let overlong = message().raw(&[0xaa, 0x80, 0x80, 0x80, 0x10]);
    let overlong = overlong.varint(outside.0.len() as u64).raw(&outside.0);
    let in_tensor = initializer(&tensor().group(100).raw(&elsewhere().0));
    let long_length = message().raw(&[0x2a]).varint(outside.0.len() as u64 | 1 << 14);
    let mut long_length = long_length.0;
    // The same length with a byte that adds nothing.
    long_length.truncate(1);
    long_length.extend([outside.0.len() as u8 | 0x80, 0]);
    let long_length = message().raw(&long_length).raw(&outside.0);
    let enum_beyond = initializer(
        &tensor().raw(&elsewhere().0[..elsewhere().0.len() - 2]).number(14, 1 << 32 | 1),
    );
    let twice = initializer(&tensor().number(14, 0).raw(&elsewhere().0));
    let plain_graph = graph(none.clone(), &initializer(&outside), &none);
    // A field may come again: protobuf joins the two messages to one.
    let joined = message()
        .number(1, 8)
        .bytes(7, graph(none.clone(), &none, &none))
        .bytes(7, initializer(&outside))
        .bytes(8, message().bytes(1, "").number(2, 13));
    for (name, bytes, reads) in [
        (
            "a group before the initializer",
            model(graph(message().group(100), &initializer(&outside), &none)),
            true,
        ),
        ("a group before the graph", message().group(100).raw(&model(&plain_graph).0), true),
        ("a group in the tensor", model(graph(none.clone(), &in_tensor, &none)), true),
        ("an overlong tag", model(graph(none.clone(), &overlong, &none)), true),
        ("an overlong length", model(graph(none.clone(), &long_length, &none)), true),
        ("a data location beyond 32 bits", model(graph(none.clone(), &enum_beyond, &none)), true),
        ("a data location that is there twice", model(graph(none.clone(), &twice, &none)), true),
        ("a graph in two parts", joined, true),
        (
            "an unknown field",
            model(graph(message().bytes(31, &outside), &initializer(&outside), &none)),
            true,
        ),
        (
            "a tensor in an unknown field",
            model(graph(none.clone(), &none, &message().bytes(100, &outside))),
            false,
        ),
    ] {
        let refused = canonical(&bytes.0);
        assert!(refused.is_err(), "{name} is let through");
        assert!(crate::Model::from_bytes(&bytes.0).is_err(), "{name} is loaded");
        if reads {
            assert_eq!(
                as_the_engine_reads(&bytes.0),
                Some(the_secret()),
                "{name}: the danger is gone"
            );
        }
    }
}

#[test]
fn weights_in_other_files_are_found_wherever_they_hide() {
    let outside = tensor().raw(&elsewhere().0);
    let location_only = tensor().number(14, 1);
    let words_only = tensor().bytes(13, message().bytes(1, "location").bytes(2, "x"));
    let attribute = |field: u64, value: &Bytes| {
        message().bytes(1, message().bytes(5, message().bytes(field, value)))
    };
    let sparse = |field: u64| message().bytes(field, &outside);
    let nested = (0..20).fold(initializer(&outside), |below, _| attribute(6, &below));
    let wrapped = |graph: &Bytes| model(graph);
    for (place, bytes) in [
        ("initializer", wrapped(&initializer(&outside))),
        ("location alone", wrapped(&initializer(&location_only))),
        ("words alone", wrapped(&initializer(&words_only))),
        ("sparse values", wrapped(&message().bytes(15, sparse(1)))),
        ("sparse indices", wrapped(&message().bytes(15, sparse(2)))),
        ("attribute t", wrapped(&attribute(5, &outside))),
        ("attribute tensors", wrapped(&attribute(10, &outside))),
        ("attribute g", wrapped(&attribute(6, &initializer(&outside)))),
        ("attribute graphs", wrapped(&attribute(11, &initializer(&outside)))),
        ("attribute sparse", wrapped(&attribute(22, &sparse(1)))),
        ("attribute sparse_tensors", wrapped(&attribute(23, &sparse(2)))),
        ("twenty branches deep", wrapped(&nested)),
        (
            "function",
            model(attribute(3, &message()))
                .bytes(25, message().bytes(7, message().bytes(5, message().bytes(5, &outside)))),
        ),
        (
            "function's defaults",
            model(tensor_graph()).bytes(25, message().bytes(11, message().bytes(5, &outside))),
        ),
        (
            "training, first",
            model(tensor_graph()).bytes(20, message().bytes(1, initializer(&outside))),
        ),
        (
            "training, then",
            model(tensor_graph()).bytes(20, message().bytes(2, initializer(&outside))),
        ),
    ] {
        let found = canonical(&bytes.0);
        let is_attribute_i = place == "function";
        assert!(
            matches!(&found, Err(Refusal::Outside(name)) if name == b"w")
                || is_attribute_i && found.is_err(),
            "{place}: {found:?}"
        );
    }
}

fn tensor_graph() -> Bytes {
    initializer(&tensor().bytes(9, [0; 8]))
}

#[test]
fn what_readers_understand_in_different_ways_is_refused_with_its_place() {
    let base = || model(tensor_graph());
    let deep = |levels: usize| {
        let inner = (0..levels).fold(message(), |below, _| {
            message().bytes(1, message().bytes(5, message().bytes(6, below)))
        });
        model(inner)
    };
    let in_type = |fields: Bytes| model(message().bytes(11, message().bytes(2, fields)));
    let type_name = "TypeProto";
    for (bytes, fault) in [
        (base().group(100), Fault::Group { message: "ModelProto" }),
        (base().varint(7 << 3 | 4), Fault::Group { message: "ModelProto" }),
        (base().bytes(27, ""), Fault::UnknownField { message: "ModelProto", number: 27 }),
        (base().bytes(0, ""), Fault::UnknownField { message: "ModelProto", number: 0 }),
        (base().number(2, 1), Fault::WireType { message: "ModelProto", field: "producer_name" }),
        (base().bytes(5, ""), Fault::WireType { message: "ModelProto", field: "model_version" }),
        (base().bytes(7, tensor_graph()), Fault::Twice { message: "ModelProto", field: "graph" }),
        (base().number(1, 9), Fault::Twice { message: "ModelProto", field: "ir_version" }),
        (base().raw(&[0x28, 0x80, 0]), Fault::Overlong { message: "ModelProto" }),
        (
            model(initializer(&tensor().number(2, 1))),
            Fault::Twice { message: "TensorProto", field: "data_type" },
        ),
        (
            model(initializer(&message().number(2, 1 << 32 | 1))),
            Fault::OutOfRange { message: "TensorProto", field: "data_type" },
        ),
        (
            model(initializer(&message().number(14, 2))),
            Fault::OutOfRange { message: "TensorProto", field: "data_location" },
        ),
        (
            model(initializer(&message().bytes(4, [0; 5]))),
            Fault::Overrun { message: "TensorProto", field: "float_data" },
        ),
        (
            model(initializer(&message().bytes(7, [0x80]))),
            Fault::Overrun { message: "TensorProto", field: "int64_data" },
        ),
        (
            model(initializer(&message().raw(&[9 << 3 | 2, 9, 1]))),
            Fault::Overrun { message: "TensorProto", field: "raw_data" },
        ),
        (
            in_type(message().bytes(1, "").bytes(4, "")),
            Fault::Twice { message: type_name, field: "sequence_type" },
        ),
        (deep(34), Fault::TooDeep),
    ] {
        assert_eq!(ambiguous(&bytes.0), Some(fault.clone()), "{fault}");
        assert!(Reader::new(()).whole_of(&bytes.0).is_err(), "{fault}");
    }
    assert!(canonical(&deep(33).0).is_ok(), "as deep as protobuf reads");
}

#[test]
fn honest_files_go_to_the_engine_as_they_are() {
    let folders = ["samples", "../../demo/models"].map(|folder| std::fs::read_dir(folder).unwrap());
    let mut seen = 0;
    for path in folders.into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        match canonical(&bytes) {
            Ok(same) => assert!(matches!(same, Cow::Borrowed(_)), "{}", path.display()),
            Err(Refusal::Outside(_)) => assert!(path.ends_with("external-weights.onnx")),
            Err(refusal) => panic!("{}: {refusal:?}", path.display()),
        }
        assert_eq!(written(&bytes).unwrap(), bytes, "{}: our writing differs", path.display());
        seen += 1;
    }
    assert!(seen > 12, "{seen}");
}

#[test]
fn another_order_and_packing_is_written_in_ours() {
    let weights = [1.0_f32, 2.0].map(f32::to_le_bytes).concat();
    let ordered = message().number(1, 2).number(2, 1).bytes(4, &weights).bytes(8, "w");
    let one_by_one =
        weights.chunks(4).fold(message(), |all, number| all.varint(4 << 3 | 5).raw(number));
    let packed_dims = message()
        .bytes(8, "w")
        .bytes(4, &weights[..4])
        .bytes(4, &weights[4..])
        .number(2, 1)
        .bytes(1, [2]);
    let mixed = message().raw(&one_by_one.0).bytes(8, "w").bytes(4, "").number(2, 1).bytes(1, [2]);
    let expected = model(graph(message(), &initializer(&ordered), &message()));
    assert!(matches!(canonical(&expected.0), Ok(Cow::Borrowed(_))));
    for other in [packed_dims, mixed] {
        let bytes = model(graph(message(), &initializer(&other), &message()));
        assert_eq!(canonical(&bytes.0).unwrap(), expected.0);
    }
    let graph_first = message()
        .bytes(8, message().bytes(1, "").number(2, 13))
        .bytes(7, graph(initializer(&ordered), &message(), &message()))
        .number(1, 8);
    assert_eq!(canonical(&graph_first.0).unwrap(), expected.0);
    assert_eq!(as_the_engine_reads(&canonical(&graph_first.0).unwrap()), Some([1.0, 2.0]));
}

#[test]
fn the_engines_own_format_is_refused_whatever_else_it_is() {
    // An honest beginning, whose producer's name puts the mark where the engine looks for it.
    let polyglot = message().number(1, 8).bytes(2, "ORTM").raw(&model(tensor_graph()).0[2..]);
    assert_eq!(&polyglot.0[4..8], b"ORTM");
    let error = crate::Model::from_bytes(&polyglot.0).unwrap_err().to_string();
    assert!(error.contains("ONNX Runtime's own format"), "{error}");
    let kind = crate::Kind::of(&polyglot.0[..]).unwrap();
    assert!(kind.to_string().contains("ONNX Runtime's own format"), "{kind}");
}

#[test]
fn chunks_of_any_size_are_read_alike() {
    let file = std::fs::read("samples/three-classes.onnx").unwrap();
    for size in [1, 2, 3, 7, 64] {
        let mut reader = Reader::new(());
        file.chunks(size).for_each(|chunk| reader.push(chunk));
        assert!(reader.finish().unwrap().0);
    }
}

impl Reader<()> {
    fn whole_of(mut self, bytes: &[u8]) -> Result<(bool, ()), NotOnnx> {
        self.push(bytes);
        self.finish()
    }
}

#[test]
fn version_graph_and_operator_set_make_a_model() {
    let graph: &[u8] = &[0x3a, 2, 0x12, 0];
    let set: &[u8] = &[0x42, 2, 0x10, 21];
    let version: &[u8] = &[0x08, 10];
    for (fields, expected) in [
        (vec![version, graph, set], Ok(())),
        (vec![version, set, graph], Ok(())),
        (vec![version, set], Err(NotOnnx::Lacks("graph"))),
        (vec![version, graph], Err(NotOnnx::Lacks("operator set"))),
        (vec![version, &[0x3a, 0], set], Err(NotOnnx::Lacks("graph"))),
        (vec![graph, set], Err(NotOnnx::Unknown)),
        (vec![&[0x08, 0], graph, set], Err(NotOnnx::Unknown)),
        (vec![&[0x0a, 1, 1], graph, set], Err(NotOnnx::Unknown)),
        (vec![version, &[0x3a, 9, 0x12]], Err(NotOnnx::CutShort("graph"))),
        (vec![version, &[0x3a]], Err(NotOnnx::CutShort("graph"))),
        (vec![version, &[0xba]], Err(NotOnnx::CutShort("next field"))),
        (vec![&[0xff; 11]], Err(NotOnnx::Unknown)),
    ] {
        let read = Reader::new(()).whole_of(&fields.concat()).map(|_| ());
        assert_eq!(read, expected, "{fields:?}");
    }
}
