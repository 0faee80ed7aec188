//! Every limit of a store, in numbers, in one value.

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What a store refuses to exceed. There is no `Default`: whoever opens a store says which limits hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of one encoded key of a namespace, without tenant and namespace.
    pub key_bytes: usize,
    /// Bytes of one value of a namespace.
    pub value_bytes: usize,
    /// Bytes of one whole key of a family, tenant and namespace included.
    pub family_key_bytes: usize,
    /// Bytes of all keys, values and conditions of one batch.
    pub batch_bytes: usize,
    /// Writes plus conditions of one batch.
    pub batch_keys: usize,
    /// Bytes of the name of a piece of code, of a namespace or of a tenant.
    pub name_bytes: usize,
    /// Bytes of one file of a release.
    pub file_bytes: usize,
    /// Files of one release.
    pub release_files: usize,
    /// Releases that are kept besides those that a channel, a split or somebody who runs one needs. Some more may stay until
    /// they are collected together.
    pub releases_kept: usize,
    /// Bytes of the message of a release, and of the name of who made it.
    pub message_bytes: usize,
    /// Entries of one page of a scan.
    pub page_entries: usize,
    /// Bytes of one page of a scan; a single larger entry still comes, alone.
    pub page_bytes: usize,
    /// Commits that may wait for the committer.
    pub queue_members: usize,
    /// Bytes of the batches that may wait for the committer.
    pub queue_bytes: usize,
    /// Commits that share one sync.
    pub group_members: usize,
    /// Bytes of the batches that share one sync.
    pub group_bytes: usize,
    /// Recently changed keys that the committer remembers for validation.
    pub window_keys: usize,
    /// Bytes of those keys.
    pub window_bytes: usize,
    /// Bytes that a memory store may hold, superseded values that a snapshot still sees included.
    pub memory_bytes: usize,
    /// Tries of a compare-and-swap whose comparison runs outside the committer.
    pub swap_attempts: usize,
    /// Namespaces that may be open at once.
    pub namespaces: usize,
    /// Stores at paths of their own that namespaces may hold open.
    pub stores_elsewhere: usize,
    /// Faults that one verification lists; it counts all.
    pub verify_faults: usize,
}

impl StoreLimits {
    /// The limits of an ordinary instance.
    pub const fn standard() -> StoreLimits {
        StoreLimits {
            key_bytes: 4 * KIB,
            value_bytes: MIB,
            family_key_bytes: 6 * KIB,
            batch_bytes: 16 * MIB,
            batch_keys: 10_000,
            name_bytes: 512,
            file_bytes: 8 * MIB,
            release_files: 4_000,
            releases_kept: 1_000,
            message_bytes: 4 * KIB,
            page_entries: 1_000,
            page_bytes: 4 * MIB,
            queue_members: 16_384,
            queue_bytes: 64 * MIB,
            group_members: 1_024,
            group_bytes: 16 * MIB,
            window_keys: 65_536,
            window_bytes: 8 * MIB,
            memory_bytes: 256 * MIB,
            swap_attempts: 1_000,
            namespaces: 1_024,
            stores_elsewhere: 16,
            verify_faults: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_limits_fit_into_each_other() {
        let limits = StoreLimits::standard();
        assert_eq!((limits.key_bytes, limits.value_bytes), (4_096, 1_048_576));
        assert_eq!((limits.batch_bytes, limits.batch_keys), (16_777_216, 10_000));
        // Tenant and namespace may each take the longest name, escaped, plus tag and end.
        assert!(limits.family_key_bytes >= limits.key_bytes + 2 * (limits.name_bytes + 2));
        assert!(limits.batch_bytes >= limits.value_bytes + limits.family_key_bytes);
        assert!(limits.batch_bytes >= limits.file_bytes + limits.family_key_bytes);
        assert!(limits.queue_bytes >= limits.batch_bytes);
        assert!(limits.group_bytes >= limits.batch_bytes);
        assert!(limits.memory_bytes >= limits.batch_bytes);
    }
}
