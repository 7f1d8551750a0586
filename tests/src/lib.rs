//! What crosses parts: names, templates, docs, real Kafka, faults
