//! Where the hierarchies are mounted and where in them this process is: parsing, no IO.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The v1 controllers we can use.
const V1_CONTROLLERS: [&str; 4] = ["memory", "pids", "cpu", "freezer"];

/// All hierarchies that are mounted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// v2.
    pub unified: Option<Place>,
    /// v1, by controller.
    pub controllers: BTreeMap<String, Place>,
}

/// A mounted hierarchy and our own place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    mount: PathBuf,
    below: PathBuf,
}

impl Place {
    /// The directory of the group this process is in.
    pub fn own(&self) -> PathBuf {
        // Joining an empty path would add a trailing slash.
        if self.below.as_os_str().is_empty() { self.mount.clone() } else { self.mount.join(&self.below) }
    }

    /// The directories from our own group up to the mount, nearest first.
    pub fn own_and_above(&self) -> Vec<PathBuf> {
        let own = self.own();
        own.ancestors().take_while(|dir| dir.starts_with(&self.mount)).map(Path::to_owned).collect()
    }
}

impl Layout {
    /// Reads the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`; lines it does not understand are skipped.
    pub fn parse(mountinfo: &str, own_groups: &str) -> Layout {
        let mut layout = Layout::default();
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            if mount.kind == "cgroup2" {
                let place = own_path(own_groups, "").map(|own| mount.place(own));
                layout.unified = layout.unified.or(place);
                continue;
            }
            for controller in V1_CONTROLLERS {
                let Some(own) = own_path(own_groups, controller) else { continue };
                if mount.options.split(',').any(|option| option == controller) {
                    layout.controllers.entry(controller.to_owned()).or_insert_with(|| mount.place(own));
                }
            }
        }
        layout
    }
}

struct Mount<'a> {
    root: String,
    point: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    /// `id parent major:minor root point options optional… - type source super-options` (proc(5)).
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let ours = kind == "cgroup" || kind == "cgroup2";
        ours.then(|| Mount { root: unescape(root), point: unescape(point).into(), kind, options })
    }

    /// A container may see only a part of the hierarchy: `root` is what its mount point shows.
    fn place(&self, own: &str) -> Place {
        let below = Path::new(own).strip_prefix(&self.root);
        Place { mount: self.point.clone(), below: below.unwrap_or(Path::new("")).to_owned() }
    }
}

/// Our path in the hierarchy of `controller`; `""` is v2, whose line is `0::/path`.
fn own_path<'a>(own_groups: &'a str, controller: &str) -> Option<&'a str> {
    own_groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

/// mountinfo writes space, tab, newline and backslash as `\ooo`.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const HYBRID_OWN: &str = "8:pids:/\n4:memory:/jobs/a\n1:cpu:/\n0::/\n";

    #[test]
    fn a_hybrid_machine_has_both_hierarchies() {
        let layout = Layout::parse(HYBRID_MOUNTS, HYBRID_OWN);
        assert_eq!(layout.unified.unwrap().own(), Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(layout.controllers["memory"].own(), Path::new("/sys/fs/cgroup/memory/jobs/a"));
        assert_eq!(layout.controllers.keys().collect::<Vec<_>>(), ["cpu", "memory"]);
    }

    #[test]
    fn a_unified_machine_lists_our_group_and_those_above() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let place = Layout::parse(mounts, "0::/user.slice/a.scope\n").unified.unwrap();
        let expect = ["/sys/fs/cgroup/user.slice/a.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"];
        assert_eq!(place.own_and_above(), expect.map(PathBuf::from));
    }

    #[test]
    fn a_container_strips_the_part_it_cannot_see() {
        let mounts = "30 23 0:26 /docker/x /my\\040cg rw - cgroup2 cgroup2 rw\n";
        let layout = Layout::parse(mounts, "0::/docker/x/inner\n");
        assert_eq!(layout.unified.unwrap().own(), Path::new("/my cg/inner"));
        let elsewhere = Layout::parse(mounts, "0::/../other\n");
        assert_eq!(elsewhere.unified.unwrap().own(), Path::new("/my cg"));
    }

    #[test]
    fn joined_controllers_are_found() {
        let mounts = "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
        let layout = Layout::parse(mounts, "4:cpu,cpuacct:/x\n");
        assert_eq!(layout.controllers["cpu"].own(), Path::new("/sys/fs/cgroup/cpu,cpuacct/x"));
    }

    #[test]
    fn nonsense_is_skipped() {
        assert_eq!(Layout::parse("nonsense\n - \n\n", "x\n::\n"), Layout::default());
    }
}
