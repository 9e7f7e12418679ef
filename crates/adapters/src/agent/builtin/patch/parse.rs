//! Reads a patch's text.

use super::Error;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Add { path: String, content: String },
    Delete { path: String },
    Update { path: String, move_to: Option<String>, chunks: Vec<Chunk> },
}

/// Lines that follow each other in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// A line that comes somewhere before: the function the chunk is in, say.
    pub after: Option<String>,
    pub lines: Vec<Edit>,
    /// The chunk ends at the end of the file.
    pub at_end: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Keep(String),
    Remove(String),
    Insert(String),
}

/// The lines of a patch, and where we are.
struct Text<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<Step>, Error> {
    let mut text = Text { lines: unwrapped(text).lines().collect(), at: 0 };
    if text.next().map(str::trim) != Some("*** Begin Patch") {
        return Err(text.problem("expected `*** Begin Patch`"));
    }
    let mut steps = Vec::new();
    loop {
        let Some(line) = text.next() else { return Err(text.problem("`*** End Patch` is missing")) };
        let line = line.trim();
        let path = |prefix| line.strip_prefix(prefix).map(|path: &str| path.trim().to_owned());
        if line == "*** End Patch" {
            break;
        } else if let Some(path) = path("*** Add File:") {
            steps.push(Step::Add { path, content: text.added()? });
        } else if let Some(path) = path("*** Delete File:") {
            steps.push(Step::Delete { path });
        } else if let Some(path) = path("*** Update File:") {
            steps.push(text.update(path)?);
        } else if !line.is_empty() {
            return Err(
                text.problem("expected `*** Add File:`, `*** Delete File:`, `*** Update File:` or the end")
            );
        }
    }
    if steps.is_empty() { Err(text.problem("the patch changes nothing")) } else { Ok(steps) }
}

/// Models wrap patches as they would for a shell: `apply_patch <<'EOF'` … `EOF`.
fn unwrapped(text: &str) -> &str {
    let start = text.find("*** Begin Patch").unwrap_or(0);
    let end = text.rfind("*** End Patch").map_or(text.len(), |at| at + "*** End Patch".len());
    if start < end { &text[start..end] } else { text }
}

impl<'a> Text<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.at)?;
        self.at += 1;
        Some(line)
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn problem(&self, problem: &str) -> Error {
        Error::Text { line: self.at.max(1), problem: problem.to_owned() }
    }

    fn added(&mut self) -> Result<String, Error> {
        let mut content = String::new();
        while let Some(line) = self.peek().filter(|line| !line.starts_with("*** ")) {
            self.at += 1;
            let Some(line) = line.strip_prefix('+') else {
                return Err(self.problem("every line of an added file starts with `+`"));
            };
            content.push_str(line);
            content.push('\n');
        }
        Ok(content)
    }

    fn update(&mut self, path: String) -> Result<Step, Error> {
        let move_to = self.peek().and_then(|line| line.strip_prefix("*** Move to:"));
        let move_to = move_to.map(|path| path.trim().to_owned());
        self.at += usize::from(move_to.is_some());
        let mut chunks: Vec<Chunk> = Vec::new();
        while let Some(line) = self.peek() {
            if line.trim_end() == "*** End of File" {
                chunks.iter_mut().last().into_iter().for_each(|chunk| chunk.at_end = true);
            } else if line.starts_with("*** ") {
                break;
            } else if let Some(after) = line.strip_prefix("@@") {
                let after = Some(after.trim().to_owned()).filter(|after| !after.is_empty());
                chunks.push(Chunk { after, ..Chunk::default() });
            } else {
                self.at += 1;
                let edit = self.edit(line)?;
                self.at -= 1;
                match chunks.last_mut() {
                    Some(chunk) => chunk.lines.push(edit),
                    // The first `@@` may be left out.
                    None => chunks.push(Chunk { lines: vec![edit], ..Chunk::default() }),
                }
            }
            self.at += 1;
        }
        if chunks.iter().all(|chunk| chunk.lines.is_empty()) && move_to.is_none() {
            return Err(self.problem("the update changes nothing"));
        }
        Ok(Step::Update { path, move_to, chunks })
    }

    fn edit(&self, line: &str) -> Result<Edit, Error> {
        let rest = || line[1..].to_owned();
        match line.as_bytes().first() {
            // Editors and models drop the blank of an empty context line.
            None => Ok(Edit::Keep(String::new())),
            Some(b' ') => Ok(Edit::Keep(rest())),
            Some(b'-') => Ok(Edit::Remove(rest())),
            Some(b'+') => Ok(Edit::Insert(rest())),
            Some(_) => Err(self.problem("a line of an update starts with ` `, `-`, `+` or `@@`")),
        }
    }
}
