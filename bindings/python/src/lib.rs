//! The Python module `identidex._identidex`: an index, its queries and its errors. `python/identidex` makes it a package.

use std::path::PathBuf;
use std::time::Duration;

use identidex::{Doubt, Error, Options, Query, Which};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pythonize::pythonize;

create_exception!(
    identidex._identidex,
    IndexFault,
    PyException,
    "The index could not be opened or read."
);
create_exception!(
    identidex._identidex,
    Missing,
    IndexFault,
    "Nothing was published there yet, or the path is wrong."
);
create_exception!(
    identidex._identidex,
    Foreign,
    IndexFault,
    "The file is something else."
);
create_exception!(
    identidex._identidex,
    Newer,
    IndexFault,
    "A newer program wrote the index."
);
create_exception!(
    identidex._identidex,
    Older,
    IndexFault,
    "The index was written before the first release."
);
create_exception!(
    identidex._identidex,
    NotPermitted,
    IndexFault,
    "This user may not read the index."
);
create_exception!(
    identidex._identidex,
    Damaged,
    IndexFault,
    "The file was cut short or changed after it was published."
);

fn raised(error: Error) -> PyErr {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match error {
        Error::Missing { .. } => Missing::new_err(text),
        Error::Foreign { .. } => Foreign::new_err(text),
        Error::Newer { .. } => Newer::new_err(text),
        Error::Older { .. } => Older::new_err(text),
        Error::NotPermitted { .. } => NotPermitted::new_err(text),
        Error::Damaged { .. } => Damaged::new_err(text),
        _ => IndexFault::new_err(text),
    }
}

/// Reads a text; a lone surrogate, which no text in the index has, becomes a character that no identifier may hold.
fn text_of(text: &Bound<'_, PyString>) -> String {
    text.to_string_lossy().into_owned()
}

fn asked(text: String, kind: Option<&str>) -> PyResult<Query> {
    match kind {
        None => Ok(Query::any(text)),
        Some(name) => Query::named(name, text).ok_or_else(|| {
            PyValueError::new_err(format!(
                "no kind of identifier is called that; known: {}",
                Query::NAMES.join(", ")
            ))
        }),
    }
}

/// One of several texts: its kind, itself, and whether the channel vouches for it.
type Known<'py> = (Option<String>, Bound<'py, PyString>, bool);

/// Asks for the one that all of them fit.
fn together(clues: &[Known<'_>]) -> PyResult<Query> {
    let queries = clues.iter().map(|(kind, text, is_verified)| {
        let query = asked(text_of(text), kind.as_deref())?;
        Ok(if *is_verified {
            query.verified()
        } else {
            query
        })
    });
    Ok(Query::all_of(queries.collect::<PyResult<Vec<Query>>>()?))
}

/// How a query answers.
fn with(query: Query, all_classes: bool, ids_only: bool) -> Query {
    let query = if all_classes {
        query.all_classes()
    } else {
        query
    };
    if ids_only { query.ids_only() } else { query }
}

/// A published index, open for lookups. Shared by any number of threads; the interpreter is free while it is read.
#[pyclass(frozen, module = "identidex._identidex")]
struct Index {
    index: identidex::Index,
}

#[pymethods]
impl Index {
    #[new]
    #[pyo3(signature = (path, *, refresh_ms=None, max_holders=None, fresh_for_hours=None, ageing_for_hours=None, quiet_after_days=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        refresh_ms: Option<u64>,
        max_holders: Option<u32>,
        fresh_for_hours: Option<u64>,
        ageing_for_hours: Option<u64>,
        quiet_after_days: Option<u64>,
    ) -> PyResult<Index> {
        let default = Options::default();
        let hours = |hours: u64| Duration::from_secs(hours.saturating_mul(60 * 60));
        let options = Options {
            refresh: refresh_ms.map_or(default.refresh, Duration::from_millis),
            max_holders: max_holders.unwrap_or(default.max_holders),
            fresh_for: fresh_for_hours.map_or(default.fresh_for, hours),
            ageing_for: ageing_for_hours.map_or(default.ageing_for, hours),
            quiet_after: quiet_after_days
                .map_or(default.quiet_after, |days| hours(days.saturating_mul(24))),
            ..default
        };
        let opened = py.detach(|| identidex::Index::open_with(path, options));
        let index = opened.map_err(raised)?;
        Ok(Index { index })
    }

    #[pyo3(signature = (text, *, kind=None, all_classes=false, ids_only=false, verified=false))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyString>,
        kind: Option<&str>,
        all_classes: bool,
        ids_only: bool,
        verified: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = with(asked(text_of(text), kind)?, all_classes, ids_only);
        let query = if verified { query.verified() } else { query };
        let answer = py.detach(|| self.index.find(query)).map_err(raised)?;
        Ok(pythonize(py, &answer)?)
    }

    #[pyo3(signature = (account, *, kind=None, all_classes=false))]
    fn devices_of<'py>(
        &self,
        py: Python<'py>,
        account: &Bound<'py, PyString>,
        kind: Option<&str>,
        all_classes: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = with(asked(text_of(account), kind)?, all_classes, false);
        let found = py.detach(|| self.index.devices_of(query));
        Ok(pythonize(py, &found.map_err(raised)?)?)
    }

    #[pyo3(signature = (device, *, kind=None, all_classes=false))]
    fn accounts_of<'py>(
        &self,
        py: Python<'py>,
        device: &Bound<'py, PyString>,
        kind: Option<&str>,
        all_classes: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = with(asked(text_of(device), kind)?, all_classes, false);
        let found = py.detach(|| self.index.accounts_of(query));
        Ok(pythonize(py, &found.map_err(raised)?)?)
    }

    #[pyo3(signature = (texts, *, kind=None, all_classes=false, ids_only=false, verified=false))]
    fn find_all<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
        kind: Option<&str>,
        all_classes: bool,
        ids_only: bool,
        verified: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let one = |text| {
            let query = with(asked(text_of(text), kind)?, all_classes, ids_only);
            Ok(if verified { query.verified() } else { query })
        };
        let queries = texts.iter().map(one).collect::<PyResult<Vec<Query>>>()?;
        let answers = py.detach(|| self.index.find_all(queries)).map_err(raised)?;
        Ok(pythonize(py, &answers)?)
    }

    #[pyo3(signature = (clues, *, all_classes=false, ids_only=false))]
    fn find_together<'py>(
        &self,
        py: Python<'py>,
        clues: Vec<Known<'py>>,
        all_classes: bool,
        ids_only: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = with(together(&clues)?, all_classes, ids_only);
        let answer = py.detach(|| self.index.find(query)).map_err(raised)?;
        Ok(pythonize(py, &answer)?)
    }

    #[pyo3(signature = (clues, *, device=None, allow))]
    fn target<'py>(
        &self,
        py: Python<'py>,
        clues: Vec<Known<'py>>,
        device: Option<&str>,
        allow: Vec<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let allowed = allow.iter().map(|name| Doubt::named(name));
        let allowed: Option<Vec<Doubt>> = allowed.collect();
        let allowed =
            allowed.ok_or_else(|| PyValueError::new_err("allow: there is no such doubt"))?;
        let query = together(&clues)?;
        let which = device.map_or(Which::Own, Which::Named);
        let targeted = py.detach(|| self.index.targeted(query, which, &allowed));
        Ok(pythonize(py, &targeted.map_err(raised)?)?)
    }

    fn impacted<'py>(
        &self,
        py: Python<'py>,
        devices: Vec<Bound<'py, PyString>>,
        users: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let texts = |texts: Vec<Bound<'py, PyString>>| texts.iter().map(text_of).collect();
        let (devices, users): (Vec<String>, Vec<String>) = (texts(devices), texts(users));
        let impacted = py.detach(|| self.index.impacted_all(devices, users));
        Ok(pythonize(py, &impacted.map_err(raised)?)?)
    }

    #[pyo3(signature = (text, *, kind=None, all_classes=false))]
    fn why<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyString>,
        kind: Option<&str>,
        all_classes: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = with(asked(text_of(text), kind)?, all_classes, false);
        let why = py.detach(|| self.index.why(query)).map_err(raised)?;
        Ok(pythonize(py, &why)?)
    }

    fn suggest<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = text_of(text);
        let names = py.detach(|| self.index.suggest(&text)).map_err(raised)?;
        Ok(pythonize(py, &names)?)
    }

    fn freshness<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let freshness = py.detach(|| self.index.freshness());
        Ok(pythonize(py, &freshness)?)
    }

    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize(py, &py.detach(|| self.index.coverage()))?)
    }

    fn verify(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| self.index.verify()).map_err(raised)
    }

    #[getter]
    fn generation(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.index.generation())
    }
}

#[pymodule]
fn _identidex(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<Index>()?;
    module.add("IndexFault", py.get_type::<IndexFault>())?;
    module.add("Missing", py.get_type::<Missing>())?;
    module.add("Foreign", py.get_type::<Foreign>())?;
    module.add("Newer", py.get_type::<Newer>())?;
    module.add("Older", py.get_type::<Older>())?;
    module.add("NotPermitted", py.get_type::<NotPermitted>())?;
    module.add("Damaged", py.get_type::<Damaged>())
}
