//! Rows of one scope follow one another, and what they share is kept once: project, resource,
//! scope. It is repeated only as the block is written.

use std::io::{self, Write};

use crate::any_value::{append_text, plain_text};
use crate::attributes::{key_value, Identity, IDENTITY_KEYS};
use crate::columns::{write_ends, write_repeated, write_u64, Column, Dictionary, Texts};
use crate::native_format::Named;
use crate::segment::{Entries, Entry};
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Rows that one insert may have; as max_insert_block_size in store/engine.py.
pub const MAX_ROWS: u64 = 1_000_000;
/// Repeating large resources in many small records may make much of little.
const MAX_REPEATED_BYTES: u64 = 256 << 20;

/// What makes rows of records.
pub trait Records<'a> {
    /// Append the row of a record.
    fn push(
        &mut self,
        record: &'a [u8],
        received_time_unix_nano: u64,
        resource: &Identity<'a>,
    ) -> Result<(), Unusual>;
}

/// A resource or a scope.
#[derive(Debug, Default)]
struct Head {
    keys: Vec<u32>,
    values: Texts<Vec<u8>>,
    dropped_attributes_count: u32,
}

/// Rows one after the other that have all of this in common; numbers are those of dictionaries.
#[derive(Debug)]
struct Group {
    rows: u64,
    project: u32,
    client: u32,
    received_time_unix_nano: u64,
    service_name: u32,
    resource: usize,
    resource_schema_url: u32,
    scope: usize,
    scope_schema_url: u32,
    scope_name: u32,
    scope_version: u32,
}

/// What rows have in common, in their order.
#[derive(Debug)]
pub struct Groups<'a> {
    groups: Vec<Group>,
    rows: u64,
    repeated_bytes: u64,
    projects: Dictionary<'a>,
    clients: Dictionary<'a>,
    service_names: Dictionary<'a>,
    resources: Vec<Head>,
    resource_keys: Dictionary<'a>,
    resource_schema_urls: Dictionary<'a>,
    scopes: Vec<Head>,
    scope_keys: Dictionary<'a>,
    scope_schema_urls: Dictionary<'a>,
    scope_names: Dictionary<'a>,
    scope_versions: Dictionary<'a>,
}

/// What the rows of a resource have in common beside its [`Head`].
struct Resource<'a> {
    schema_url: u32,
    service_name: u32,
    identity: Identity<'a>,
}

impl<'a> Groups<'a> {
    /// Read a segment, and have `records` make the rows of its records.
    pub fn of(segment: &'a [u8], records: &mut dyn Records<'a>) -> Result<Self, Unusual> {
        let mut groups = Groups {
            groups: Vec::new(),
            rows: 0,
            repeated_bytes: 0,
            projects: Dictionary::of(&[]),
            clients: Dictionary::of(&[]),
            service_names: Dictionary::of(&[]),
            resources: Vec::new(),
            resource_keys: Dictionary::of(&[]),
            resource_schema_urls: Dictionary::of(&[]),
            scopes: Vec::new(),
            scope_keys: Dictionary::of(&[]),
            scope_schema_urls: Dictionary::of(&[]),
            scope_names: Dictionary::of(&[]),
            scope_versions: Dictionary::of(&[]),
        };
        let mut entries = Entries::of(segment);
        while let Some(entry) = entries.next_entry()? {
            groups.request(&entry, records)?;
        }
        Ok(groups)
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn request(&mut self, entry: &Entry<'a>, records: &mut dyn Records<'a>) -> Result<(), Unusual> {
        let mut fields = Fields::of(entry.request);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(resource)) => self.resource_records(entry, resource, records)?,
                (1, _) => return Err(Unusual),
                _ => {}
            }
        }
        Ok(())
    }

    /// ResourceLogs or ResourceSpans.
    fn resource_records(
        &mut self,
        entry: &Entry<'a>,
        message: &'a [u8],
        records: &mut dyn Records<'a>,
    ) -> Result<(), Unusual> {
        let resource = self.resource(message)?;
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, Value::Bytes(scope)) => self.scope_records(entry, &resource, scope, records)?,
                (2, _) => return Err(Unusual),
                _ => {}
            }
        }
        Ok(())
    }

    /// The resource of ResourceLogs or ResourceSpans, where its records may come before it.
    fn resource(&mut self, message: &'a [u8]) -> Result<Resource<'a>, Unusual> {
        let (mut head, mut schema_url) = (&[][..], &[][..]);
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, _) => continue,
                (1, Value::Bytes(bytes)) => head = bytes,
                (3, Value::Bytes(bytes)) => schema_url = bytes,
                (1 | 3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        let mut kept = Head::default();
        let mut identity = Identity::default();
        let mut service_name = None;
        let mut once = Once::default();
        let mut fields = Fields::of(head);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(bytes)) => {
                    let (key, value) = kept.push(bytes, &mut self.resource_keys)?;
                    if let Some(index) = IDENTITY_KEYS.iter().position(|known| *known == key) {
                        identity[index].get_or_insert(value);
                    }
                    if key == b"service.name" {
                        service_name.get_or_insert(value);
                    }
                    continue;
                }
                (2, Value::Varint(count)) => kept.dropped_attributes_count = narrow(count)?,
                // Entities are written as JSON, by the engine.
                (1..=3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.resources.push(kept);
        Ok(Resource {
            schema_url: self.resource_schema_urls.number(schema_url),
            service_name: self.service_names.number(plain_text(service_name.unwrap_or_default())?),
            identity,
        })
    }

    /// ScopeLogs or ScopeSpans.
    fn scope_records(
        &mut self,
        entry: &Entry<'a>,
        resource: &Resource<'a>,
        message: &'a [u8],
        records: &mut dyn Records<'a>,
    ) -> Result<(), Unusual> {
        let (mut head, mut schema_url, mut rows) = (&[][..], &[][..], 0);
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, Value::Bytes(record)) => {
                    records.push(record, entry.received_time_unix_nano, &resource.identity)?;
                    rows += 1;
                    continue;
                }
                (1, Value::Bytes(bytes)) => head = bytes,
                (3, Value::Bytes(bytes)) => schema_url = bytes,
                (1..=3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        let (scope_name, scope_version) = self.scope(head)?;
        let group = Group {
            rows,
            project: self.projects.number(entry.project),
            client: self.clients.number(entry.client),
            received_time_unix_nano: entry.received_time_unix_nano,
            service_name: resource.service_name,
            resource: self.resources.len() - 1,
            resource_schema_url: resource.schema_url,
            scope: self.scopes.len() - 1,
            scope_schema_url: self.scope_schema_urls.number(schema_url),
            scope_name,
            scope_version,
        };
        self.add(group)
    }

    /// Keep a scope; returns the numbers of its name and version.
    fn scope(&mut self, message: &'a [u8]) -> Result<(u32, u32), Unusual> {
        let mut kept = Head::default();
        let (mut name, mut version) = (0, 0);
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Bytes(bytes)) => {
                    kept.push(bytes, &mut self.scope_keys)?;
                    continue;
                }
                (1, Value::Bytes(text)) => name = self.scope_names.number(text),
                (2, Value::Bytes(text)) => version = self.scope_versions.number(text),
                (4, Value::Varint(count)) => kept.dropped_attributes_count = narrow(count)?,
                (1..=4, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        self.scopes.push(kept);
        Ok((name, version))
    }

    fn add(&mut self, group: Group) -> Result<(), Unusual> {
        let (resource, scope) = (&self.resources[group.resource], &self.scopes[group.scope]);
        self.rows += group.rows;
        self.repeated_bytes += group.rows * (resource.size_bytes() + scope.size_bytes());
        self.groups.push(group);
        if self.rows > MAX_ROWS || self.repeated_bytes > MAX_REPEATED_BYTES {
            return Err(Unusual);
        }
        Ok(())
    }

    /// Call `take` with the columns as they are written.
    pub fn named<T>(&self, take: impl FnOnce(&[Named]) -> T) -> T {
        let texts = |dictionary, number| TextOfGroup { groups: self, dictionary, number };
        let u32s = |number| NumberOfGroup { groups: &self.groups, bytes: 4, number };
        let maps = |dictionary, heads, index| MapOfGroup { groups: self, dictionary, heads, index };
        let received = NumberOfGroup {
            groups: &self.groups,
            bytes: 8,
            number: &|group: &Group| group.received_time_unix_nano.min(i64::MAX as u64),
        };
        let no_entities = TextlessColumn { rows: self.rows };
        take(&[
            ("ProjectId", LOW, &texts(&self.projects, |group: &Group| group.project)),
            ("Client", LOW, &texts(&self.clients, |group: &Group| group.client)),
            ("ReceivedTimestamp", "DateTime64(9)", &received),
            ("ServiceName", LOW, &texts(&self.service_names, |group: &Group| group.service_name)),
            (
                "ResourceSchemaUrl",
                LOW,
                &texts(&self.resource_schema_urls, |group: &Group| group.resource_schema_url),
            ),
            (
                "ResourceAttributes",
                MAP,
                &maps(&self.resource_keys, &self.resources, |group: &Group| group.resource),
            ),
            (
                "ResourceDroppedAttributesCount",
                "UInt32",
                &u32s(&|group: &Group| {
                    self.resources[group.resource].dropped_attributes_count.into()
                }),
            ),
            ("ResourceEntityRefs", "String", &no_entities),
            (
                "ScopeSchemaUrl",
                LOW,
                &texts(&self.scope_schema_urls, |group: &Group| group.scope_schema_url),
            ),
            ("ScopeName", LOW, &texts(&self.scope_names, |group: &Group| group.scope_name)),
            (
                "ScopeVersion",
                LOW,
                &texts(&self.scope_versions, |group: &Group| group.scope_version),
            ),
            (
                "ScopeAttributes",
                MAP,
                &maps(&self.scope_keys, &self.scopes, |group: &Group| group.scope),
            ),
            (
                "ScopeDroppedAttributesCount",
                "UInt32",
                &u32s(&|group: &Group| self.scopes[group.scope].dropped_attributes_count.into()),
            ),
        ])
    }
}

/// Type of a text that few rows differ in.
pub const LOW: &str = "LowCardinality(String)";
/// Type of attributes.
pub const MAP: &str = "Map(LowCardinality(String), String)";

impl Head {
    fn push<'a>(
        &mut self,
        message: &'a [u8],
        keys: &mut Dictionary<'a>,
    ) -> Result<(&'a [u8], &'a [u8]), Unusual> {
        let (key, value) = key_value(message)?;
        self.keys.push(keys.number(key));
        append_text(value, &mut self.values)?;
        Ok((key, value))
    }

    fn size_bytes(&self) -> u64 {
        (4 * self.keys.len() + self.values.bytes().len()) as u64
    }
}

/// A number of 32 bits; one that is larger is [`Unusual`].
pub fn narrow(number: u64) -> Result<u32, Unusual> {
    u32::try_from(number).map_err(|_| Unusual)
}

struct TextOfGroup<'c, 'a> {
    groups: &'c Groups<'a>,
    dictionary: &'c Dictionary<'a>,
    number: fn(&Group) -> u32,
}

impl Column for TextOfGroup<'_, '_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        write_u64(1, out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.dictionary.write_head(self.groups.rows, out)?;
        for group in &self.groups.groups {
            let (index, width) = self.dictionary.index((self.number)(group));
            write_repeated(&index[..width], group.rows, out)?;
        }
        Ok(())
    }
}

struct NumberOfGroup<'c> {
    groups: &'c [Group],
    bytes: usize,
    number: &'c dyn Fn(&Group) -> u64,
}

impl Column for NumberOfGroup<'_> {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        for group in self.groups {
            let number = (self.number)(group).to_le_bytes();
            write_repeated(&number[..self.bytes], group.rows, out)?;
        }
        Ok(())
    }
}

struct MapOfGroup<'c, 'a> {
    groups: &'c Groups<'a>,
    dictionary: &'c Dictionary<'a>,
    heads: &'c [Head],
    index: fn(&Group) -> usize,
}

impl Column for MapOfGroup<'_, '_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        write_u64(1, out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        let heads = || {
            let groups = self.groups.groups.iter();
            groups.map(|group| (group.rows, &self.heads[(self.index)(group)]))
        };
        let mut pairs = 0;
        for (rows, head) in heads() {
            pairs = write_ends(pairs, head.keys.len() as u64, rows, out)?;
        }
        if pairs == 0 {
            return Ok(());
        }
        self.dictionary.write_head(pairs, out)?;
        for (rows, head) in heads() {
            let mut indexes = Vec::with_capacity(4 * head.keys.len());
            for key in &head.keys {
                let (index, width) = self.dictionary.index(*key);
                indexes.extend_from_slice(&index[..width]);
            }
            write_repeated(&indexes, rows, out)?;
        }
        for (rows, head) in heads() {
            write_repeated(head.values.bytes(), rows, out)?;
        }
        Ok(())
    }
}

/// A column of empty texts.
struct TextlessColumn {
    rows: u64,
}

impl Column for TextlessColumn {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        write_repeated(&[0], self.rows, out)
    }
}
