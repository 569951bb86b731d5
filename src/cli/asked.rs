//! Asked: how values are to be taken, as `resolve` and `why` let one say it.

use clap::builder::PossibleValuesParser;

use crate::lookup::Query;

/// How values are to be taken.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Asked {
    /// Take values for this kind of identifier only [default: every kind that they can be]
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    kind: Option<String>,
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
        let named = |kind: &String| Query::named(kind, value.clone());
        let query = self.kind.as_ref().and_then(named);
        let query = query.unwrap_or_else(|| Query::any(value));
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

/// All that a text can be said to be; a full name finds nobody by itself.
fn kind_parser() -> PossibleValuesParser {
    let names = Query::NAMES.into_iter();
    PossibleValuesParser::new(names.filter(|name| *name != "full_name"))
}
