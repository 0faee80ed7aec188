//! Channels: which release answers, how requests are split between releases, and every move of that.

use crate::blob::Hash;
use crate::fault::StoreError;
use crate::record::{RecordBuilder, RecordReader};

/// The channel that everybody means who names none.
pub const MAIN_CHANNEL: &str = "main";

/// A share of the requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The release that answers them.
    pub release: u64,
    /// How many of all weights together.
    pub weight: u32,
}

/// What stands behind a channel now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The number of the change that made it so; it rises with every change of any channel.
    pub epoch: u64,
    /// The release that answers, and that the next one is made from.
    pub release: u64,
    /// How requests are split; empty when all go to `release`.
    pub split: Vec<Share>,
    /// Where the key of the split is taken from, such as `cookie:uid`; empty for the client's address.
    pub split_by: String,
}

impl Head {
    /// The release that answers a request with that key. The same key always gets the same one, as long as the split is the
    /// same; a share that grows keeps the keys that it had.
    pub fn release_of(&self, key: &[u8]) -> u64 {
        let total: u64 = self.split.iter().map(|share| u64::from(share.weight)).sum();
        let hash = Hash::of(key);
        let drawn = u64::from_be_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"));
        // The hash as a fraction of one, of the sum of all weights: no remainder, so that no share is favoured.
        let mut at = (u128::from(drawn) * u128::from(total)) >> 64;
        for share in &self.split {
            let weight = u128::from(share.weight);
            if at < weight {
                return share.release;
            }
            at -= weight;
        }
        self.release
    }

    /// The releases that requests may get.
    pub fn releases(&self) -> Vec<u64> {
        let mut releases = vec![self.release];
        releases.extend(self.split.iter().map(|share| share.release));
        releases.sort_unstable();
        releases.dedup();
        releases
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = RecordBuilder::new()
            .number(self.epoch)
            .number(self.release)
            .text(&self.split_by);
        let shares = self.split.iter();
        shares
            .fold(record, |record, share| {
                record.number(share.release).number(u64::from(share.weight))
            })
            .finish()
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Head> {
        let mut reader = RecordReader::new(record)?;
        let mut head = Head {
            epoch: reader.number()?,
            release: reader.number()?,
            split_by: reader.text()?.to_owned(),
            split: Vec::new(),
        };
        while reader.finish().is_none() {
            head.split.push(Share {
                release: reader.number()?,
                weight: u32::try_from(reader.number()?).ok()?,
            });
        }
        Some(head)
    }
}

/// Checks the shares of a split.
pub(crate) fn check_split(split: &[Share]) -> Result<(), StoreError> {
    let wrong = |detail| Err(StoreError::Split { detail });
    if split.is_empty() {
        return wrong("it has no part");
    }
    if split.len() > MAX_SHARES {
        return wrong("it has more than sixteen parts");
    }
    if split.iter().all(|share| share.weight == 0) {
        return wrong("no part has a weight");
    }
    let mut releases: Vec<u64> = split.iter().map(|share| share.release).collect();
    releases.sort_unstable();
    if releases.windows(2).any(|pair| pair[0] == pair[1]) {
        return wrong("a release stands in it twice");
    }
    Ok(())
}

/// Most parts of a split.
const MAX_SHARES: usize = 16;

/// What moved a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveKind {
    /// A release was published and answers.
    Publish,
    /// A release was published and answers a part of the requests.
    Canary,
    /// An earlier release answers again.
    Rollback,
    /// Requests are split anew.
    Split,
}

impl MoveKind {
    const ALL: [MoveKind; 4] = [
        MoveKind::Publish,
        MoveKind::Canary,
        MoveKind::Rollback,
        MoveKind::Split,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            MoveKind::Publish => "publish",
            MoveKind::Canary => "canary",
            MoveKind::Rollback => "rollback",
            MoveKind::Split => "split",
        }
    }
}

/// One move of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveEntry {
    /// When it was made.
    pub time_us: i64,
    /// Who made it.
    pub author: String,
    /// What it was.
    pub kind: MoveKind,
    /// The channel.
    pub channel: String,
    /// What stands behind the channel since.
    pub head: Head,
}

impl MoveEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = RecordBuilder::new()
            .time(self.time_us)
            .text(&self.author)
            .byte(self.kind as u8)
            .text(&self.channel)
            .finish();
        bytes.extend(self.head.encode());
        bytes
    }

    pub(crate) fn decode(record: &[u8]) -> Option<MoveEntry> {
        let mut reader = RecordReader::new(record)?;
        let (time_us, author) = (reader.time()?, reader.text()?.to_owned());
        let kind = *MoveKind::ALL.get(usize::from(reader.byte()?))?;
        let channel = reader.text()?.to_owned();
        Some(MoveEntry {
            time_us,
            author,
            kind,
            channel,
            head: Head::decode(reader.rest())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(split: &[(u64, u32)]) -> Head {
        Head {
            epoch: 4,
            release: 1,
            split: split
                .iter()
                .map(|(release, weight)| Share {
                    release: *release,
                    weight: *weight,
                })
                .collect(),
            split_by: "cookie:uid".to_owned(),
        }
    }

    #[test]
    fn records_of_channels_come_back() {
        let entry = MoveEntry {
            time_us: -1,
            author: "ada".to_owned(),
            kind: MoveKind::Split,
            channel: "main".to_owned(),
            head: head(&[(1, 95), (2, 5)]),
        };
        let record = entry.encode();
        assert_eq!(MoveEntry::decode(&record), Some(entry.clone()));
        assert!((0..record.len() - 32).all(|n_bytes| MoveEntry::decode(&record[..n_bytes]).is_none()));
        assert_eq!(Head::decode(&entry.head.encode()), Some(entry.head));
    }

    #[test]
    fn a_split_gives_each_share_its_part_and_each_key_its_release() {
        let split = head(&[(1, 95), (2, 5)]);
        let keys: Vec<String> = (0..20_000).map(|number| format!("user-{number}")).collect();
        let second = |head: &Head| -> Vec<bool> {
            keys.iter()
                .map(|key| head.release_of(key.as_bytes()) == 2)
                .collect()
        };
        let five = second(&split);
        assert_eq!(five, second(&split));
        let n_second = five.iter().filter(|is_second| **is_second).count();
        assert!((800..1_200).contains(&n_second), "{n_second} of 20000");
        // Whoever has the new release keeps it while its share grows.
        let twenty = second(&head(&[(1, 80), (2, 20)]));
        assert!(five.iter().zip(&twenty).all(|(before, after)| !before || *after));
        assert_eq!(head(&[]).release_of(b"x"), 1);
    }

    #[test]
    fn splits_without_sense_are_refused() {
        for shares in [&[][..], &[(1, 0)], &[(1, 50), (1, 50)], &[(1, 1); 17]] {
            assert_eq!(
                check_split(&head(shares).split).unwrap_err().code(),
                "release/split"
            );
        }
        assert_eq!(check_split(&head(&[(1, 0), (2, 1)]).split), Ok(()));
    }
}
