//! A patch, done with tools that read, edit and write one file each: those of Claude Code.
//!
//! Job: `*** Begin Patch` … becomes calls in the order of the patch. The tool refuses to edit what the conversation
//! has not read, so each file is read first; and what is replaced must stand in the file once, so a chunk needs enough
//! lines of context. Where a chunk lies (`@@ …`) cannot be said to such a tool, and is not.

use super::scenario::Act;
use serde_json::{Map, Value, json};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";

/// The calls that do what `patch` says; the error says which line cannot be done.
pub(super) fn of(patch: &str) -> Result<Vec<Act>, String> {
    let mut acts = Vec::new();
    let mut lines = Lines { rest: patch.trim().lines().collect(), at: 0 };
    if lines.next().map(str::trim_end) != Some(BEGIN) {
        return Err(lines.wrong(&format!("expected `{BEGIN}`")));
    }
    loop {
        let Some(line) = lines.next() else { return Err(lines.wrong(&format!("`{END}` is missing"))) };
        if line.trim_end() == END {
            return Ok(acts);
        } else if let Some(path) = after(line, "*** Add File:") {
            acts.push(tool("Write", json!({"file_path": path, "content": added(&mut lines)?})));
        } else if let Some(path) = after(line, "*** Delete File:") {
            acts.push(Act::Run(format!("rm -- {}", quoted(path))));
        } else if let Some(path) = after(line, "*** Update File:") {
            update(path, &mut lines, &mut acts)?;
        } else if !line.trim().is_empty() {
            return Err(
                lines.wrong("expected `*** Add File:`, `*** Delete File:`, `*** Update File:` or the end")
            );
        }
    }
}

fn update(path: &str, lines: &mut Lines<'_>, acts: &mut Vec<Act>) -> Result<(), String> {
    let moved = lines.peek().and_then(|line| after(line, "*** Move to:"));
    lines.at += usize::from(moved.is_some());
    acts.push(tool("Read", json!({"file_path": path})));
    let mut chunk = Chunk::default();
    while let Some(line) = lines.peek().filter(|line| !line.starts_with("*** ") || is_end_of_file(line)) {
        lines.at += 1;
        let (kind, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        match kind {
            // Where a chunk lies is not told; that another one begins is.
            "@" | "*" => std::mem::take(&mut chunk).done(path, lines, acts)?,
            " " => chunk.keep(rest),
            "-" => chunk.old.push(rest),
            "+" => chunk.new.push(rest),
            _ => return Err(lines.wrong("a line of an update starts with ` `, `-`, `+` or `@@`")),
        }
    }
    chunk.done(path, lines, acts)?;
    acts.extend(moved.map(|to| Act::Run(format!("mv -- {} {}", quoted(path), quoted(to)))));
    Ok(())
}

/// Lines that follow each other in the file, as they are and as they shall be.
#[derive(Default)]
struct Chunk<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
}

impl<'a> Chunk<'a> {
    fn keep(&mut self, line: &'a str) {
        self.old.push(line);
        self.new.push(line);
    }

    fn done(self, path: &str, lines: &Lines<'_>, acts: &mut Vec<Act>) -> Result<(), String> {
        if self.old == self.new {
            return Ok(());
        }
        if self.old.is_empty() {
            return Err(lines.wrong("lines are added without one of context to find their place by; add one"));
        }
        let (mut old, new) = (self.old.join("\n"), self.new.join("\n"));
        if self.new.is_empty() {
            // The end of the last line goes with it.
            old.push('\n');
        }
        acts.push(tool("Edit", json!({"file_path": path, "old_string": old, "new_string": new})));
        Ok(())
    }
}

/// The lines of a patch, and where we are.
struct Lines<'a> {
    rest: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += 1;
        Some(line)
    }

    fn wrong(&self, what: &str) -> String {
        format!("line {} of the patch: {what}", self.at.max(1))
    }
}

fn added(lines: &mut Lines<'_>) -> Result<String, String> {
    let mut content = String::new();
    while let Some(line) = lines.peek().filter(|line| !line.starts_with("*** ")) {
        lines.at += 1;
        let line = line.strip_prefix('+');
        content.push_str(line.ok_or_else(|| lines.wrong("every line of an added file starts with `+`"))?);
        content.push('\n');
    }
    Ok(content)
}

fn after<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start).map(str::trim)
}

fn is_end_of_file(line: &str) -> bool {
    line.trim_end() == "*** End of File"
}

fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''"))
}

fn tool(name: &str, arguments: Value) -> Act {
    let arguments = match arguments {
        Value::Object(arguments) => arguments,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    Act::Tool { name: name.to_owned(), arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_read_once_and_each_chunk_is_one_edit() {
        let patch = "*** Begin Patch\n*** Update File: a.sh\n@@ fn\n one\n-two\n+2\n+two and a half\n@@\n-gone\n*** End of File\n\
            *** Add File: n/b.txt\n+x\n+\n*** Delete File: it's.txt\n*** Update File: c\n*** Move to: d\n*** End Patch\n";
        let edit = |old: &str, new: &str| {
            tool("Edit", json!({"file_path": "a.sh", "old_string": old, "new_string": new}))
        };
        let wanted = [
            tool("Read", json!({"file_path": "a.sh"})),
            edit("one\ntwo", "one\n2\ntwo and a half"),
            edit("gone\n", ""),
            tool("Write", json!({"file_path": "n/b.txt", "content": "x\n\n"})),
            Act::Run(r"rm -- 'it'\''s.txt'".into()),
            tool("Read", json!({"file_path": "c"})),
            Act::Run("mv -- 'c' 'd'".into()),
        ];
        assert_eq!(of(patch).unwrap(), wanted);
    }

    #[test]
    fn what_cannot_be_done_names_its_line() {
        for (patch, line) in [
            ("*** Update File: a", 1),
            ("*** Begin Patch\n*** Add File: a\nx\n*** End Patch", 3),
            ("*** Begin Patch\n*** Update File: a\n+x\n*** End Patch", 3),
            ("*** Begin Patch\n*** Update File: a\n?\n*** End Patch", 3),
            ("*** Begin Patch\nhello\n*** End Patch", 2),
            ("*** Begin Patch\n*** Delete File: a", 2),
        ] {
            let error = of(patch).unwrap_err();
            assert!(error.starts_with(&format!("line {line} ")), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_patch_panics(lines in proptest::collection::vec("(\\*\\*\\* (Add|Update|Delete) File: a|@@|[ +*é-].{0,4})", 0..20)) {
            let _ = of(&format!("{BEGIN}\n{}\n{END}", lines.join("\n")));
        }
    }
}
