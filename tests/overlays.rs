//! What `kubectl apply -k` installs: rendered by kustomize, then held to what the papers promise.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_tests::root;
use serde_json::{Value, json};

const OVERLAYS: [&str; 3] = ["dev", "staging", "prod"];
const KUSTOMIZE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1";
const KEDA: &str = "github.com/kedacore/keda/v2@v2.18.1";

/// Every object of a rendered folder.
fn render(folder: &Path) -> Vec<Value> {
    // kubectl has kustomize in it; Go can fetch it where neither is installed.
    let programs: [&[&str]; 3] =
        [&["kustomize", "build"], &["kubectl", "kustomize"], &["go", "run", KUSTOMIZE, "build"]];
    for words in programs {
        let Ok(found) = Command::new(words[0]).args(&words[1..]).arg(folder).output() else {
            continue;
        };
        let complaint = String::from_utf8_lossy(&found.stderr);
        assert!(found.status.success(), "{}: {complaint}", folder.display());
        let text = String::from_utf8(found.stdout).unwrap();
        return text.split("\n---\n").map(|part| serde_saphyr::from_str(part).unwrap()).collect();
    }
    panic!("kustomize, kubectl or go is needed to render {}", folder.display());
}

fn overlay(name: &str) -> Vec<Value> {
    render(&root().join("overlays").join(name))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn settings(objects: &[Value]) -> BTreeMap<String, String> {
    let maps = of_kind(objects, "ConfigMap");
    let map = maps.iter().find(|map| name(map) == "headgate").unwrap();
    // Argo reads parameters only from a ConfigMap that says so.
    assert_eq!(map["metadata"]["labels"]["workflows.argoproj.io/configmap-type"], "Parameter");
    serde_json::from_value(map["data"].clone()).unwrap()
}

/// The templates that run a container, with the name of their WorkflowTemplate.
fn step_templates(objects: &[Value]) -> Vec<(&str, &Value)> {
    let all = of_kind(objects, "WorkflowTemplate").into_iter().flat_map(|file| {
        file["spec"]["templates"].as_array().unwrap().iter().map(move |it| (name(file), it))
    });
    all.filter(|(_, template)| template.get("container").is_some()).collect()
}

/// The containers of a template, init containers included.
fn containers(template: &Value) -> Vec<&Value> {
    let before = template["initContainers"].as_array().into_iter().flatten();
    before.chain([&template["container"]]).collect()
}

/// Every place below `value` where `key` stands.
fn all<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    let below: Vec<&Value> = match value {
        Value::Object(map) => map.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    };
    let here = value.get(key).into_iter();
    here.chain(below.into_iter().flat_map(|value| all(value, key))).collect()
}

#[test]
fn every_image_is_named_by_digest_and_models_are_added_to_the_scorer_that_runs() {
    for environment in OVERLAYS {
        let objects = overlay(environment);
        let steps = step_templates(&objects);
        let mut images: Vec<&Value> =
            steps.iter().flat_map(|(_, it)| containers(it)).map(|it| &it["image"]).collect();
        let scorer = of_kind(&objects, "StatefulSet")[0];
        let scorer = &scorer["spec"]["template"]["spec"]["containers"][0]["image"];
        images.push(scorer);
        assert!(images.len() > 8, "{environment}: {images:?}");
        for image in images {
            let image = image.as_str().unwrap();
            assert!(
                image.contains("@sha256:"),
                "{environment}: {image}; run make images OVERLAY={environment}"
            );
        }
        assert_eq!(settings(&objects)["base"], scorer.as_str().unwrap(), "{environment}");
    }
}

#[test]
fn environments_differ_by_their_parameter_file_and_images_alone() {
    let rendered = OVERLAYS.map(|environment| (environment, overlay(environment)));
    for (environment, objects) in &rendered {
        let settings = settings(objects);
        assert_eq!(settings["environment"], *environment);
        let read: Vec<&Value> =
            objects.iter().flat_map(|object| all(object, "configMapKeyRef")).collect();
        let read: Vec<&&Value> = read.iter().filter(|it| it["name"] == "headgate").collect();
        for reference in &read {
            let key = reference["key"].as_str().unwrap();
            let there = settings.contains_key(key) || reference["optional"] == true;
            assert!(there, "overlays/{environment}/parameters.env: {key} is missing");
        }
        let everything = with_component(environment, "events/schedule");
        let read: Vec<&Value> =
            everything.iter().flat_map(|object| all(object, "configMapKeyRef")).collect();
        for key in settings.keys().filter(|key| !key.ends_with("-network")) {
            let used = read.iter().any(|reference| reference["key"] == **key);
            assert!(used, "overlays/{environment}/parameters.env: nothing reads {key}");
        }
    }
    // Settings, and the networks that are put into the policies from there.
    let same = |objects: &[Value]| -> Vec<Value> {
        let set = ["ConfigMap", "NetworkPolicy"];
        let kept =
            objects.iter().filter(|object| !set.iter().any(|it| object["kind"] == *it)).cloned();
        kept.map(|object| without_images(&object)).collect()
    };
    let [(_, dev), (_, staging), (_, prod)] = &rendered;
    assert_eq!(same(dev), same(staging));
    assert_eq!(same(staging), same(prod));
    assert_eq!((&*settings(prod)["approval"], &*settings(prod)["accept"]), ("true", "evidence"));
}

fn without_images(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| *key != "image" || !value.is_string());
            kept.map(|(key, value)| (key.clone(), without_images(value))).collect()
        }
        Value::Array(list) => list.iter().map(without_images).collect(),
        other => other.clone(),
    }
}

#[test]
fn every_pod_keeps_to_pod_security_restricted_and_no_step_has_a_token() {
    let objects = overlay("prod");
    let namespace = of_kind(&objects, "Namespace")[0];
    let enforced = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(enforced, "restricted");
    let accounts: BTreeSet<&str> =
        of_kind(&objects, "ServiceAccount").into_iter().map(name).collect();
    for (step, template) in step_templates(&objects) {
        let account = template["serviceAccountName"].as_str().unwrap_or_default();
        assert!(accounts.contains(account), "{step}: serviceAccountName `{account}`");
        assert_eq!(template["automountServiceAccountToken"], false, "{step}");
        assert_eq!(template["executor"]["serviceAccountName"], "headgate-executor", "{step}");
        pod_is_restricted(step, template);
        for container in containers(template) {
            container_is_restricted(step, container);
        }
        // Argo's own containers, which the controller makes.
        let patch = template["podSpecPatch"].as_str().unwrap_or_default();
        let patch: Value = serde_saphyr::from_str(patch).unwrap();
        for (list, container) in [("initContainers", "init"), ("containers", "wait")] {
            let patched = &patch[list][0];
            assert_eq!(patched["name"], container, "{step}: podSpecPatch");
            container_is_restricted(step, patched);
        }
    }
    let scorer = &of_kind(&objects, "StatefulSet")[0]["spec"]["template"]["spec"];
    assert_eq!(scorer["automountServiceAccountToken"], false);
    pod_is_restricted("scorer", scorer);
    container_is_restricted("scorer", &scorer["containers"][0]);
}

fn pod_is_restricted(of: &str, pod: &Value) {
    let context = &pod["securityContext"];
    assert_eq!(context["runAsNonRoot"], true, "{of}");
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{of}");
    assert!(context["runAsUser"].as_u64().is_some_and(|user| user > 0), "{of}");
    let allowed = ["emptyDir", "secret", "configMap", "projected", "name"];
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        for kind in volume.as_object().unwrap().keys() {
            assert!(allowed.contains(&kind.as_str()), "{of}: volume {kind}");
        }
        // Without a limit a pod can fill the disk of its node.
        let unlimited = volume.get("emptyDir").is_some_and(|dir| dir.get("sizeLimit").is_none());
        assert!(!unlimited, "{of}: {volume}: emptyDir needs a sizeLimit");
    }
}

fn container_is_restricted(of: &str, container: &Value) {
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false, "{of}: {container}");
    assert_eq!(context["readOnlyRootFilesystem"], true, "{of}: {container}");
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{of}: {container}");
}

#[test]
fn the_executor_may_report_results_and_nothing_else_and_nobody_else_has_a_role() {
    let objects = overlay("prod");
    let roles = of_kind(&objects, "Role");
    let rules = json!([
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]);
    let executor = roles.iter().find(|role| name(role) == "headgate-executor").unwrap();
    assert_eq!(executor["rules"], rules);
    assert!(of_kind(&objects, "ClusterRole").is_empty());
    let steps: BTreeSet<&str> = step_templates(&objects)
        .iter()
        .map(|(_, template)| template["serviceAccountName"].as_str().unwrap())
        .collect();
    for binding in of_kind(&objects, "RoleBinding") {
        for subject in binding["subjects"].as_array().unwrap() {
            let account = subject["name"].as_str().unwrap();
            assert!(!steps.contains(account), "{account} is bound to {}", name(binding));
        }
    }
}

#[test]
fn pods_connect_to_the_networks_that_the_settings_name_and_to_nothing_else() {
    for environment in OVERLAYS {
        let folder = tempfile::tempdir_in(root().join("overlays")).unwrap();
        let shipped = root().join("overlays").join(environment);
        copy(&shipped, folder.path());
        let file = folder.path().join("parameters.env");
        let text = std::fs::read_to_string(&file).unwrap();
        let named =
            |name: &str| text.lines().any(|line| line.starts_with(&format!("{name}-network=")));
        let networks = [("kafka", 1), ("registry", 2), ("api-server", 3), ("metrics", 4)];
        assert!(networks.iter().all(|(name, _)| named(name)), "{environment}: {text}");
        let kept = text.lines().filter(|line| !line.contains("-network=")).map(str::to_owned);
        let ours = networks.map(|(name, n)| format!("{name}-network=10.{n}.0.0/16"));
        std::fs::write(&file, kept.chain(ours).collect::<Vec<_>>().join("\n")).unwrap();

        let objects = render(folder.path());
        let mut rules = BTreeSet::new();
        for policy in of_kind(&objects, "NetworkPolicy") {
            for rule in policy["spec"]["egress"].as_array().into_iter().flatten() {
                let to = rule["to"].as_array().map(Vec::as_slice).unwrap_or_default();
                assert!(!to.is_empty(), "{environment}: {} lets out to anywhere", name(policy));
                let port =
                    rule["ports"].as_array().unwrap().last().unwrap()["port"].as_u64().unwrap();
                for end in to {
                    let network = end["ipBlock"]["cidr"].as_str().unwrap();
                    assert!(!network.ends_with("/0"), "{environment}: {}", name(policy));
                    if port != 53 {
                        rules.insert((port, network.to_owned()));
                    }
                }
            }
        }
        let wanted = [(9092, 1), (5000, 2), (6443, 3), (9090, 4)];
        let wanted = wanted.map(|(port, n)| (port, format!("10.{n}.0.0/16")));
        assert_eq!(rules, BTreeSet::from(wanted), "{environment}");
    }
}

#[test]
fn what_staging_and_prod_read_from_a_registry_is_named_by_digest() {
    for environment in ["staging", "prod"] {
        let settings = settings(&overlay(environment));
        let mutable: Vec<_> = settings
            .iter()
            .filter(|(_, value)| value.starts_with("oci://") && !value.contains("@sha256:"))
            .collect();
        assert!(mutable.is_empty(), "overlays/{environment}/parameters.env: {mutable:?}");
        assert!(settings["schema"].contains("@sha256:"));
    }
}

#[test]
fn images_for_an_overlay_with_an_encrypted_kafka_are_made_with_tls() {
    // Rendered once each: a rendering starts a program.
    let is_encrypted =
        |environment: &&str| settings(&overlay(environment)).contains_key("kafka-config");
    let encrypted: Vec<&str> = OVERLAYS.into_iter().filter(is_encrypted).collect();
    assert!(!encrypted.is_empty(), "no overlay has an encrypted Kafka");
    let mut lines = 0;
    for paper in
        ["README.md", "workflow-templates/README.md", "overlays/README.md", "images/README.md"]
    {
        let text = std::fs::read_to_string(root().join(paper)).unwrap();
        for line in text.lines() {
            for environment in &encrypted {
                let installs = line.contains("make images")
                    && line.contains(&format!("OVERLAY={environment}"));
                assert!(!installs || line.contains("TLS=1"), "{paper}: TLS=1 is missing: {line}");
                lines += usize::from(installs);
            }
        }
    }
    assert!(lines > 0, "no paper makes the images of {encrypted:?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Renders an overlay with a component that lies in workflow-templates.
fn with_component(environment: &str, component: &str) -> Vec<Value> {
    let target = root().join("target/tmp");
    std::fs::create_dir_all(&target).unwrap();
    let folder = tempfile::tempdir_in(&target).unwrap();
    let text = format!(
        "resources: [../../../overlays/{environment}]\n\
         components: [../../../workflow-templates/{component}]\n"
    );
    std::fs::write(folder.path().join("kustomization.yaml"), text).unwrap();
    render(folder.path())
}

#[test]
fn the_scaled_object_is_one_that_keda_takes() {
    let objects = with_component("prod", "scorer/components/keda");
    let scaled = of_kind(&objects, "ScaledObject")[0];
    let trigger = &scaled["spec"]["triggers"][0]["metadata"];
    assert_eq!(trigger["topic"], "shuttle.features");
    assert_eq!(trigger["consumerGroup"], "headgate-shuttle");
    assert_eq!(trigger["bootstrapServersFromEnv"], "HEADGATE_BROKERS");
    scales_a_scorer_that_leaves_its_group(&objects, &scaled["spec"]["scaleTargetRef"]);

    let schema = keda_schema();
    let judge = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = judge
        .iter_errors(scaled)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = scaled.clone();
    wrong["spec"]["minReplicas"] = json!(0);
    assert!(!judge.is_valid(&wrong), "the schema sees a field that KEDA does not know");
}

#[test]
fn the_autoscaler_scales_the_scorer() {
    let objects = with_component("prod", "scorer/components/hpa");
    let autoscaler = of_kind(&objects, "HorizontalPodAutoscaler")[0];
    scales_a_scorer_that_leaves_its_group(&objects, &autoscaler["spec"]["scaleTargetRef"]);
}

fn scales_a_scorer_that_leaves_its_group(objects: &[Value], target: &Value) {
    let scorer = of_kind(objects, "StatefulSet")[0];
    assert_eq!((&target["kind"], &target["name"]), (&json!("StatefulSet"), &json!(name(scorer))));
    assert!(scorer["spec"].get("replicas").is_none(), "two owners of the number of pods");
    let variables = &scorer["spec"]["template"]["spec"]["containers"][0]["env"];
    let membership = variables.as_array().unwrap().iter();
    let membership: Vec<&Value> =
        membership.filter(|it| it["name"] == "HEADGATE_STATIC_MEMBERSHIP").collect();
    assert_eq!(membership, [&json!({"name": "HEADGATE_STATIC_MEMBERSHIP", "value": "false"})]);
}

/// The schema of KEDA's own CRD, with unknown fields refused as the API server does under strict validation.
fn keda_schema() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let found = Command::new("go")
        .args(["mod", "download", "-json", KEDA])
        .current_dir(folder.path())
        .env("GOFLAGS", "-mod=mod")
        .output()
        .expect("go is needed for KEDA's CRD, as for the cluster");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let crd = PathBuf::from(found["Dir"].as_str().unwrap())
        .join("config/crd/bases/keda.sh_scaledobjects.yaml");
    let crd: Value = serde_saphyr::from_str(&std::fs::read_to_string(crd).unwrap()).unwrap();
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    // The API server knows what metadata is.
    schema["properties"]["metadata"] = json!({});
    refuse_unknown(&mut schema);
    schema
}

fn refuse_unknown(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(refuse_unknown);
            let closed = map.contains_key("properties")
                && map.get("type") == Some(&json!("object"))
                && !map.contains_key("x-kubernetes-preserve-unknown-fields");
            if closed {
                map.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(refuse_unknown),
        _ => {}
    }
}
