//! Who holds a lease: a process, told apart from every other one that ever was.
//!
//! A process id alone names a new process after a while, and after a restart of the machine at
//! once; with the boot's id, the namespace that the number counts in and the process's start time
//! it names exactly one. So a dead holder can be recognised where, and only where, this process
//! runs on the same kernel and counts in the same namespace: there it need not be waited for.

use bson::{Document, doc, oid::ObjectId};
use std::fs;
use std::path::Path;

const PROCESSES: &str = "/proc";
/// There is one in every namespace for as long as the namespace lasts, and it is seldom this user's.
const FIRST: i64 = 1;

/// One process, and one use of the lease by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    /// Different for every value ever made by [`Holder::current`].
    pub(crate) instance: ObjectId,
    host: String,
    boot_id: String,
    pid_namespace: String,
    pid: i64,
    /// Clock ticks since the boot.
    started: i64,
}

impl Holder {
    /// This process.
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        Self {
            instance: ObjectId::new(),
            host: read("/proc/sys/kernel/hostname"),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            pid_namespace: pid_namespace(),
            pid: i64::from(pid),
            started: started(Path::new(PROCESSES), i64::from(pid)).unwrap_or_default(),
        }
    }

    pub(crate) fn to_document(&self) -> Document {
        doc! {
            "instance": self.instance,
            "host": &self.host,
            "boot_id": &self.boot_id,
            "pid_namespace": &self.pid_namespace,
            "pid": self.pid,
            "started": self.started,
        }
    }

    /// `None` where the document is nobody this version would write.
    pub(crate) fn from_document(document: &Document) -> Option<Self> {
        let text = |name: &str| document.get_str(name).ok().map(str::to_owned);
        Some(Self {
            instance: document.get_object_id("instance").ok()?,
            host: text("host")?,
            boot_id: text("boot_id")?,
            pid_namespace: text("pid_namespace")?,
            pid: document.get_i64("pid").ok()?,
            started: document.get_i64("started").ok()?,
        })
    }

    /// Whether the process lives; `None` where this process cannot know.
    pub(crate) fn is_alive(&self) -> Option<bool> {
        let here = !self.boot_id.is_empty()
            && !self.pid_namespace.is_empty()
            && self.boot_id == read("/proc/sys/kernel/random/boot_id")
            && self.pid_namespace == pid_namespace();
        here.then(|| self.is_seen_in(Path::new(PROCESSES)))?
    }

    /// Whether it is among the processes of this folder; `None` where this user may not see those of
    /// others (`hidepid`, or a service manager that hides them): being hidden is not being dead.
    fn is_seen_in(&self, processes: &Path) -> Option<bool> {
        started(processes, FIRST)?;
        Some(started(processes, self.pid) == Some(self.started))
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// When a living process started. A zombie is dead: it only waits to be collected.
fn started(processes: &Path, pid: i64) -> Option<i64> {
    let stat = fs::read_to_string(processes.join(pid.to_string()).join("stat")).ok()?;
    // The name in parentheses may hold anything; the state is the third field, the start the 22nd.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_survives_storing() {
        let holder = Holder::current();
        assert_eq!(holder.is_alive(), Some(true));
        assert_eq!(Holder::from_document(&holder.to_document()), Some(holder));
    }

    #[test]
    fn a_number_that_was_given_to_another_process_is_dead() {
        let mut holder = Holder::current();
        holder.started += 1;
        assert_eq!(holder.is_alive(), Some(false));
    }

    #[test]
    fn where_the_processes_of_others_are_hidden_nothing_is_known() {
        let holder = Holder::current();
        let processes = tempfile::tempdir().unwrap();
        let show = |pid: i64| {
            let folder = processes.path().join(pid.to_string());
            fs::create_dir(&folder).unwrap();
            fs::copy("/proc/self/stat", folder.join("stat")).unwrap();
        };
        assert_eq!(holder.is_seen_in(processes.path()), None);
        show(FIRST);
        assert_eq!(holder.is_seen_in(processes.path()), Some(false));
        show(holder.pid);
        assert_eq!(holder.is_seen_in(processes.path()), Some(true));
    }

    #[test]
    fn of_another_boot_nothing_is_known() {
        let mut holder = Holder::current();
        holder.boot_id = "another".to_owned();
        assert_eq!(holder.is_alive(), None);
    }
}
