//! Reads the cases: those that come with this program, or those of a folder.

use super::Case;
use std::collections::BTreeSet;
use std::path::Path;

/// A file of cases, and what it says. Part of the program, so that the kit is one file that can be carried anywhere.
macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../cases/", $name)))),*] };
}
const FILES: [(&str, &str); 12] = files![
    "13.7-http.yaml",
    "17.1-reload.yaml",
    "17.1-templates.yaml",
    "17.1-workflow.yaml",
    "17.2-hooks.yaml",
    "17.2-workspaces.yaml",
    "17.3-tracker.yaml",
    "17.4-dispatch.yaml",
    "17.4-reconcile.yaml",
    "17.5-app-server.yaml",
    "17.6-observability.yaml",
    "17.7-host.yaml",
];

/// Every case of `folder`, or of this program; in the order of files and of what is in them.
pub(crate) fn load(folder: Option<&Path>) -> Result<Vec<Case>, String> {
    let mut cases = vec![];
    match folder {
        Some(folder) => {
            for (name, text) in of_folder(folder)? {
                cases.extend(read(&name, &text)?);
            }
        }
        None => {
            for (name, text) in FILES {
                cases.extend(read(name, text)?);
            }
        }
    }
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(case.name.as_str())) {
        Some(twice) => Err(format!("two cases are called {}", twice.name)),
        None => Ok(cases),
    }
}

fn of_folder(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.push((name, std::fs::read_to_string(&path).map_err(said)?));
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("{} holds no .yaml file", folder.display())) } else { Ok(files) }
}

/// The file goes through JSON, so that a case means the same whatever a YAML reader thinks of tags.
fn read(name: &str, text: &str) -> Result<Vec<Case>, String> {
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| format!("{name}: {error}"))?;
    let entries = value.get("cases").and_then(serde_json::Value::as_array).cloned();
    let entries = entries.ok_or_else(|| format!("{name}: has no list `cases`"))?;
    let one = |entry: serde_json::Value| {
        let called = entry["name"].as_str().unwrap_or("a case without a name").to_owned();
        let case = Case::from_raw(entry).map_err(|error| format!("{name}: {called}: {error}"))?;
        case.problem().map_or(Ok(case), |why| Err(format!("{name}: {called}: {why}")))
    };
    entries.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_file_is_part_of_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let there: Vec<String> = of_folder(&folder).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(there, FILES.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn the_cases_of_this_program_have_no_mistake() {
        let cases = load(None).unwrap();
        assert!(cases.len() >= 90, "{}", cases.len());
    }

    #[test]
    fn a_mistake_is_named_with_its_case() {
        for (text, expected) in [
            ("cases: [{name: a, section: '1', spec: x, steps: [{pause_ms: 1}], colour: red}]", "colour"),
            ("cases: [{name: a, section: '1', spec: x, steps: [], needs: []}]", "needs a spec and steps"),
            ("cases: [{name: a, section: '1', spec: x, needs: [wings], steps: [{pause_ms: 1}]}]", "wings"),
            ("cases: [{name: a, section: '1', spec: x, steps: [{until: {see: {agent: B}}}]}]", "step 1"),
        ] {
            let why = read("f.yaml", text).unwrap_err();
            assert!(why.starts_with("f.yaml: a: ") && why.contains(expected), "{why}");
        }
    }
}
