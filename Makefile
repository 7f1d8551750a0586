# `make` alone says what there is. A `##` behind a target is its help, a `##@` begins a section.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo run-step kafka topics kafka-down models conformance test test-argo check advisories bless \
  bench-scorer bench-routes bench-steps bench-argo bench-gates onnxruntime images push-files tools

# Where crates/model looks for the engine, unless another place is given.
export ORT_DYLIB_PATH ?= $(CURDIR)/target/onnxruntime/libonnxruntime.so

# Encrypted Kafka. What is tested has it, and what is tried first does without the minutes that OpenSSL takes.
tls := --features contract/tls

# Where the programs are that `scripts/build` builds. All targets below compile the features of the whole workspace, so that
# what one of them compiled the next one finds.
programs = $(or $(STEP_BIN_DIR),target/debug)
# What the demo runs; tests/first_steps.rs holds it against the releases of the demo.
demo_programs := demo scorer validate-model build-image shadow-test canary-gate promote rollback

help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try it

demo: onnxruntime ## Five releases on a live stream, on this machine; KAFKA=apache on a real Kafka
	@scripts/tools --quiet demo $(if $(filter apache,$(KAFKA)),kafka)
	@scripts/build $(demo_programs)
	@$(programs)/demo $(if $(KAFKA),--kafka $(KAFKA)) $(ARGS)

run-step: onnxruntime ## Run one step with its samples: make run-step STEP=canary-gate ARGS='--help'
	@scripts/run-step $(STEP) $(ARGS)

conformance: onnxruntime ## Hold a step against the contract: STEP=<name>, or STEP_CMD='<any command>' CASE=<file>
	@scripts/conformance $(if $(STEP),--step $(STEP)) $(if $(STEP_CMD),--command '$(STEP_CMD)') \
	  $(if $(CASE),--case $(CASE)) $(ARGS)

kafka: ## Start a real Apache Kafka; KAFKA_PORT=9092
	@scripts/kafka up

topics: ## Make the topics of a stream on it: make topics STREAM=shuttle; HEADGATE_BROKERS=<host:port> on another
	@scripts/build make-topics
	@$(programs)/make-topics $(or $(STREAM),shuttle) --brokers $${HEADGATE_BROKERS:-127.0.0.1:9092} $(ARGS)

push-files: ## Put files into a registry and print their references: TO=<registry>/streams/shuttle:1 FILES='schema.json holdout.csv'
	@scripts/build push-files
	@$(programs)/push-files $(or $(TO),$(error TO is not set: name where the files go, <registry>/<repository>:<tag>)) \
	  $(or $(FILES),$(error FILES is not set: name the files to push)) $(ARGS)

kafka-down: ## Stop it
	@scripts/kafka down

##@ Work on it

test: onnxruntime ## Everything: unit, conformance, docs, browser, real Kafka, faults
	@scripts/tools --quiet test
	cargo build --workspace --bins $(tls)
	STEP_BIN_DIR=$(CURDIR)/target/debug cargo test --workspace --no-fail-fast $(tls)

test-argo: onnxruntime ## Releases on a real Argo: the cluster of KUBECONFIG, images through REGISTRY=<host>; ARGS='promoted --keep'
	@scripts/tools --quiet cluster
	@cargo build --workspace --bins $(tls)
	@target/debug/images --tls --profile $(or $(IMAGE_PROFILE),dev) --out target/argo/images \
	  --registry $(or $(REGISTRY),$(error REGISTRY is not set: name the registry that the cluster pulls from, host:port))
	@target/debug/test-argo $(ARGS)

check: ## Format, lints, licences and bans
	@scripts/tools --quiet check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(tls) -- -D warnings
	cargo deny check --allow unused-wrapper bans licenses sources
	@scripts/advisories --where-known

advisories: ## Hold the dependencies against the RustSec database of known weaknesses, which is fetched with git
	@scripts/tools --quiet check
	@scripts/advisories

bless: onnxruntime ## Write anew what is generated from code: schemas, golden events, README tables
	BLESS=1 cargo test --workspace $(tls)

models: ## Train the demo's models again, from the committed telemetry
	@scripts/tools --quiet models
	@scripts/train-models

images: onnxruntime ## Make the images in target/images: REGISTRY=<host> pushes, OVERLAY=<env> writes digests, TLS=1 for an encrypted Kafka, IMAGE_PROFILE=dev is quick
	@scripts/tools --quiet build $(if $(TLS),tls)
	@scripts/build images
	@$(programs)/images --profile $(or $(IMAGE_PROFILE),release) $(if $(TLS),--tls) \
	  $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(OVERLAY),--overlay $(OVERLAY)) $(ARGS)

onnxruntime: ## Fetch ONNX Runtime's library once, 20 MB
	@scripts/fetch-onnxruntime >/dev/null

tools: ## Say which tools are missing and how to get them: make tools FOR=test
	@scripts/tools $(FOR)

##@ Measure it, each against its peer

bench-scorer: onnxruntime ## Records per second, exactly once, against a Python consumer
	@cargo run --release --package benches --bin bench-scorer -- $(ARGS)

bench-routes: onnxruntime ## Time from a route's write until every scorer follows it
	@cargo run --release --package benches --bin bench-routes -- $(ARGS)

bench-argo: onnxruntime ## A release on the cluster of KUBECONFIG, against the same workflow with steps that do nothing
	@scripts/tools --quiet cluster
	@cargo build --workspace --bins $(tls)
	@target/debug/images --tls --profile $(or $(IMAGE_PROFILE),release) --out target/argo/images \
	  --registry $(or $(REGISTRY),$(error REGISTRY is not set: name the registry that the cluster pulls from, host:port))
	@target/debug/bench-argo $(ARGS)

bench-steps: ## Start time and size of every step's binary
	@cargo run --release --package benches --bin bench-steps -- $(ARGS)

bench-gates: ## False rollbacks and harm let through, against the judges of five other systems
	@cargo run --release --package gates -- $(ARGS)
