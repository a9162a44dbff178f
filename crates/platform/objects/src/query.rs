//! What can be asked of the objects of a kind.

use andon_api::AnyObject;
use jiff::Timestamp;

/// A page of objects of one kind.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub(crate) kind: String,
    pub(crate) filters: Vec<(String, Vec<String>)>,
    pub(crate) from: Vec<(String, i64)>,
    pub(crate) words: Vec<String>,
    pub(crate) order: Order,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
}

/// The order of a list; ties are broken by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    CreatedDescending,
    /// Oldest first.
    CreatedAscending,
    /// Last changed first.
    UpdatedDescending,
    /// By name.
    Name,
}

/// The most objects that one page holds.
pub(crate) const LIMIT_MAX: usize = 1_000;

impl ListQuery {
    /// Asks for the objects of a kind, newest first, 100 at most.
    pub fn kind(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            filters: Vec::new(),
            from: Vec::new(),
            words: Vec::new(),
            order: Order::default(),
            limit: 100,
            cursor: None,
        }
    }

    /// Keeps objects whose indexed field has the value; `a,b` means either.
    #[must_use]
    pub fn filter(mut self, field: &str, value: impl ToString) -> Self {
        let values = value.to_string().split(',').map(str::to_owned).collect();
        self.filters.push((field.to_owned(), values));
        self
    }

    /// Keeps objects whose indexed time is at or after the given one.
    #[must_use]
    pub fn from(mut self, field: &str, time: Timestamp) -> Self {
        self.from.push((field.to_owned(), time.as_microsecond()));
        self
    }

    /// Keeps objects whose document contains every word, without regard to case.
    #[must_use]
    pub fn words(mut self, text: &str) -> Self {
        self.words = text.split_whitespace().take(8).map(str::to_lowercase).collect();
        self
    }

    /// Sets the order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Sets the length of a page, at most 1,000.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, LIMIT_MAX);
        self
    }

    /// Goes on after an earlier page.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }
}

/// A page of objects.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The objects.
    pub items: Vec<AnyObject>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many objects match, on all pages.
    pub total: i64,
}

/// One version of an object.
#[derive(Clone, Debug)]
pub struct Version {
    /// The number, from 1.
    pub version: i64,
    /// When it was stored.
    pub at: Timestamp,
    /// The event that tells of it.
    pub event_id: String,
    /// Whether the object was deleted with it.
    pub deleted: bool,
    /// The whole object.
    pub object: AnyObject,
}
