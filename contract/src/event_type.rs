//! Event types: what a step may emit, with which verdict, and what such an event holds.

use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Verdict;
use crate::event::OutcomeEvent;

/// An event type that a step may emit; its `customData.result` is an `R`.
///
/// A type belongs to one verdict, so a consumer that filters by type needs no look into the body.
#[derive(Debug)]
pub struct EventType<R> {
    /// Such as `dev.cdevents.service.upgraded.0.3.0`.
    pub name: &'static str,
    /// When it is emitted.
    pub about: &'static str,
    /// The one verdict that it is emitted with.
    pub verdict: Verdict,
    /// The subject's content, from the result.
    content: fn(&R) -> Value,
    content_schema: fn(&mut SchemaGenerator) -> Schema,
    result: PhantomData<fn(R) -> R>,
}

/// An event type of whatever result, as [`crate::Step::EVENTS`] lists it.
#[derive(Clone, Copy, Debug)]
pub struct AnyEventType {
    pub name: &'static str,
    pub about: &'static str,
    pub verdict: Verdict,
    content: fn(&mut SchemaGenerator) -> Schema,
    result: fn(&mut SchemaGenerator) -> Schema,
}

/// Which event an outcome emits, and about what.
#[derive(Clone, Debug)]
pub struct Subject {
    pub event: AnyEventType,
    /// What the event is about: a model digest, a stream, an image.
    pub id: String,
    /// The fields that CDEvents asks for; empty for a type of our own.
    pub content: Value,
    /// What was found.
    pub result: Map<String, Value>,
}

/// The content of a type of our own: all that there is to say stands in the result.
#[derive(JsonSchema)]
struct Nothing {}

impl<R: JsonSchema + Serialize> EventType<R> {
    /// A type of our own.
    pub const fn new(name: &'static str, about: &'static str, verdict: Verdict) -> Self {
        let (content, content_schema) = (nothing::<R> as fn(&R) -> Value, schema::<Nothing> as _);
        Self { name, about, verdict, content, content_schema, result: PhantomData }
    }

    /// A type of CDEvents, which asks for a content `C`; `content` makes it of the result.
    pub(crate) const fn standard<C: JsonSchema>(
        name: &'static str,
        about: &'static str,
        verdict: Verdict,
        content: fn(&R) -> Value,
    ) -> Self {
        let content_schema = schema::<C> as _;
        Self { name, about, verdict, content, content_schema, result: PhantomData }
    }

    /// Without the type of its result.
    pub const fn any(self) -> AnyEventType {
        let Self { name, about, verdict, content_schema: content, .. } = self;
        AnyEventType { name, about, verdict, content, result: schema::<R> }
    }
}

impl AnyEventType {
    /// The JSON schema of the whole event.
    ///
    /// # Panics
    /// Never: the schema that is changed is that of [`OutcomeEvent`].
    pub fn schema(&self) -> Schema {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let content = (self.content)(&mut generator);
        let result = (self.result)(&mut generator);
        let mut schema = generator.into_root_schema_for::<OutcomeEvent>();
        let mut set = |pointer: &str, value: Value| {
            *schema.pointer_mut(pointer).expect("a field of OutcomeEvent") = value;
        };
        set("/$defs/EventContext/properties/type", json!({ "const": self.name }));
        set("/$defs/EventSubject/properties/content", content.to_value());
        set("/$defs/OutcomeData/properties/verdict", json!({ "const": self.verdict }));
        set("/$defs/OutcomeData/properties/result", result.to_value());
        let required =
            schema.pointer_mut("/$defs/OutcomeData/required").and_then(Value::as_array_mut);
        required.expect("customData has required fields").push(json!("result"));
        schema.insert("title".to_owned(), json!(self.name));
        schema.insert("description".to_owned(), json!(self.about));
        schema
    }
}

impl Subject {
    /// An event of this type about `id`.
    ///
    /// # Panics
    /// `result` does not serialise to an object, which no type in [`crate::results`] does.
    pub fn new<R: JsonSchema + Serialize>(
        event: EventType<R>,
        id: impl Into<String>,
        result: &R,
    ) -> Self {
        let content = (event.content)(result);
        let result = match serde_json::to_value(result) {
            Ok(Value::Object(result)) => result,
            other => panic!("a result is an object: {other:?}"),
        };
        Self { event: event.any(), id: id.into(), content, result }
    }
}

/// The one for `verdict` of what stands for pass, fail and inconclusive.
pub fn by_verdict<T>(verdict: Verdict, [pass, fail, inconclusive]: [T; 3]) -> T {
    match verdict {
        Verdict::Pass => pass,
        Verdict::Fail => fail,
        Verdict::Inconclusive => inconclusive,
    }
}

// A derive would ask the same of `R`, of which there is no value.
impl<R> Clone for EventType<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for EventType<R> {}

impl PartialEq for AnyEventType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<R> PartialEq for EventType<R> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn nothing<R>(_result: &R) -> Value {
    json!({})
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
