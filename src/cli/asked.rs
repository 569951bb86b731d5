//! Asked: how values are to be taken, as `resolve` and `why` let one say it.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use crate::identifier::Kind;
use crate::lookup::Query;

/// How values are to be taken.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Take values for this kind of identifier only [default: every kind that they can be]
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Find machine and local accounts too
    #[arg(long)]
    all_classes: bool,
    /// The channel vouches for the values: whoever is asking was signed in with them
    #[arg(long)]
    verified: bool,
}

impl Asked {
    /// Asks for a value.
    pub(super) fn query(&self, value: String) -> Query {
        let query = match self.kind {
            Some(kind) => Query::of(kind, value),
            None => Query::any(value),
        };
        self.as_asked(query)
    }

    /// Asks for what a query does, of all classes where that is wanted, and vouched for.
    pub(super) fn as_asked(&self, query: Query) -> Query {
        let query = match self.all_classes {
            true => query.all_classes(),
            false => query,
        };
        match self.verified {
            true => query.verified(),
            false => query,
        }
    }
}

fn kind_parser() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Query::KINDS.map(Kind::as_str)).map(|name| {
        let found = Query::KINDS.into_iter().find(|kind| kind.as_str() == name);
        found.expect("the parser lets the names of Query::KINDS through only")
    })
}
