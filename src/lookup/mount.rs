//! Where a file lies: on this machine, so that it can be mapped into memory, or perhaps on another one.
//!
//! When a mapped file is cut short, as one on a network may be, the process dies; and reading is about half as fast.

use std::path::Path;

/// File systems of this machine. What is not listed is read, not mapped.
#[cfg(target_os = "linux")]
const LOCAL: [&str; 11] = [
    "bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs",
];

/// Tells whether a file lies on a file system that is known to be this machine's own.
#[cfg(target_os = "linux")]
pub(super) fn is_local(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = std::fs::metadata(path) else {
        return false;
    };
    // Each line is a mount: its third word the device, and behind " - " the kind of file system.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_local_device(&mounts, metadata.dev())
}

/// No other system tells it in a file that any program may read.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_path: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn is_local_device(mounts: &str, device: u64) -> bool {
    // As glibc and musl pack them.
    let major = (device >> 32 & !0xfff) | (device >> 8 & 0xfff);
    let minor = (device >> 12 & !0xff) | (device & 0xff);
    let device = format!("{major}:{minor}");
    let mut kinds = mounts.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let is_it = mount.split(' ').nth(2) == Some(&device);
        is_it.then(|| system.split(' ').next())?
    });
    kinds.next().is_some_and(|kind| LOCAL.contains(&kind))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
36 35 98:0 / /data rw,noatime shared:1 - ext4 /dev/vda rw
37 35 0:45 / /share rw,relatime - nfs4 server:/export rw,vers=4.2
38 35 259:70000 / /more rw - xfs /dev/nvme rw
39 35 0:46 / /odd rw - fuse.sshfs host: rw
";

    #[test]
    fn a_device_is_local_by_the_kind_of_its_file_system() {
        assert!(is_local_device(MOUNTS, 98 << 8));
        assert!(!is_local_device(MOUNTS, 45));
        assert!(!is_local_device(MOUNTS, 46));
        assert!(
            !is_local_device(MOUNTS, 99 << 8),
            "a device that no line names"
        );
        let minor = 70_000u64;
        assert!(is_local_device(
            MOUNTS,
            259 << 8 | minor & 0xff | (minor & !0xff) << 12
        ));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_local() {
        assert!(!is_local(Path::new("/nowhere/identity.db")));
    }
}
