//! Small records of our own: fixed fields, big-endian, a layout byte first. Reading is total.

/// The layout of the records that this release writes.
const LAYOUT: u8 = 1;

/// Builds a record.
pub(crate) struct RecordBuilder {
    bytes: Vec<u8>,
}

impl RecordBuilder {
    pub(crate) fn new() -> RecordBuilder {
        RecordBuilder { bytes: vec![LAYOUT] }
    }

    pub(crate) fn byte(mut self, field: u8) -> RecordBuilder {
        self.bytes.push(field);
        self
    }

    pub(crate) fn number(mut self, field: u64) -> RecordBuilder {
        self.bytes.extend_from_slice(&field.to_be_bytes());
        self
    }

    pub(crate) fn time(self, time_us: i64) -> RecordBuilder {
        self.number(time_us as u64)
    }

    pub(crate) fn fixed(mut self, field: &[u8; 32]) -> RecordBuilder {
        self.bytes.extend_from_slice(field);
        self
    }

    pub(crate) fn text(self, field: &str) -> RecordBuilder {
        let mut longer = self.number(field.len() as u64);
        longer.bytes.extend_from_slice(field.as_bytes());
        longer
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads a record field by field; `None` means that the bytes are not such a record.
pub(crate) struct RecordReader<'a> {
    rest: &'a [u8],
}

impl<'a> RecordReader<'a> {
    pub(crate) fn new(record: &'a [u8]) -> Option<RecordReader<'a>> {
        let rest = record.strip_prefix(&[LAYOUT])?;
        Some(RecordReader { rest })
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|field| field[0])
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn time(&mut self) -> Option<i64> {
        self.number().map(|field| field as i64)
    }

    pub(crate) fn fixed(&mut self) -> Option<[u8; 32]> {
        self.take(32)?.try_into().ok()
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let n_bytes = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(n_bytes)?).ok()
    }

    /// The bytes that no field has taken.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Refuses a record with something behind its last field.
    pub(crate) fn finish(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    fn take(&mut self, n_bytes: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.rest.split_at_checked(n_bytes)?;
        self.rest = rest;
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &[u8]) -> Option<(u8, u64, i64, [u8; 32], &str)> {
        let mut reader = RecordReader::new(record)?;
        let fields = (
            reader.byte()?,
            reader.number()?,
            reader.time()?,
            reader.fixed()?,
            reader.text()?,
        );
        reader.finish()?;
        Some(fields)
    }

    #[test]
    fn fields_come_back_and_no_truncation_passes() {
        let record = RecordBuilder::new()
            .byte(7)
            .number(u64::MAX)
            .time(-1)
            .fixed(&[3; 32])
            .text("näme")
            .finish();
        assert_eq!(read(&record), Some((7, u64::MAX, -1, [3; 32], "näme")));
        for n_bytes in 0..record.len() {
            assert_eq!(read(&record[..n_bytes]), None);
        }
        let mut longer = record.clone();
        longer.push(0);
        assert_eq!(read(&longer), None);
        let mut newer = record;
        newer[0] = 2;
        assert_eq!(read(&newer), None);
    }

    #[test]
    fn a_length_beyond_memory_is_refused() {
        let record = RecordBuilder::new().number(u64::MAX).finish();
        assert_eq!(RecordReader::new(&record).unwrap().text(), None);
    }
}
