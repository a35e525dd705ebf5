//! Which component and class an index means, for writing; and back, for reading.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::measurement::status::DatedBy;
use crate::names::{ClassIx, ComponentIx};

/// Identifiers of a configuration's components and classes by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    components: Vec<Arc<str>>,
    classes: Vec<Arc<str>>,
}

impl Names {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self::new(config.components.iter().map(|c| c.id.as_str()), config.classes.iter().map(|c| c.id.as_str()))
    }

    /// Those given, in order of their indices.
    pub fn new<'a>(components: impl IntoIterator<Item = &'a str>, classes: impl IntoIterator<Item = &'a str>) -> Self {
        let all = |names: &mut dyn Iterator<Item = &'a str>| names.map(Arc::from).collect();
        Self { components: all(&mut components.into_iter()), classes: all(&mut classes.into_iter()) }
    }

    /// The identifiers of a component and a class; `None` when an index is not of this configuration.
    ///
    /// What interfaces say has classes of its own, whatever the configuration: see [`DatedBy::class`].
    #[must_use]
    pub fn get(&self, component: ComponentIx, class: ClassIx) -> Option<(&str, &str)> {
        let class = match DatedBy::of_class(class) {
            Some(dated_by) => dated_by.class_name(),
            None => self.classes.get(class.get())?,
        };
        Some((self.components.get(component.get())?, class))
    }

    /// The identifier of a component.
    #[must_use]
    pub fn component(&self, component: ComponentIx) -> Option<&str> {
        self.components.get(component.get()).map(|name| &**name)
    }

    /// A look-up from identifiers to indices.
    #[must_use]
    pub fn index(&self) -> Index<'_> {
        let by_name = |names: &'_ [Arc<str>]| names.iter().enumerate().map(|(n, name)| (name.clone(), n)).collect();
        Index { names: self, components: by_name(&self.components), classes: by_name(&self.classes) }
    }
}

/// A look-up from identifiers to indices.
#[derive(Debug)]
pub struct Index<'a> {
    names: &'a Names,
    components: HashMap<Arc<str>, usize>,
    classes: HashMap<Arc<str>, usize>,
}

impl Index<'_> {
    /// The component with this identifier.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<ComponentIx> {
        self.components.get(name).copied().map(ComponentIx::from)
    }

    /// The class with this identifier.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<ClassIx> {
        self.classes.get(name).copied().map(ClassIx::from)
    }

    /// One number for both, as dense as the configuration.
    #[must_use]
    pub(crate) fn key(&self, component: &str, class: &str) -> Option<u32> {
        let component = *self.components.get(component)?;
        let stated = || DatedBy::NAMES.iter().position(|(_, d)| d.class_name() == class);
        let classes = self.names.classes.len();
        let class = self.classes.get(class).copied().or_else(|| Some(classes + stated()?))?;
        u32::try_from(component * (classes + DatedBy::NAMES.len()) + class).ok()
    }

    /// The indices behind a key.
    #[must_use]
    pub(crate) fn of_key(&self, key: u32) -> (ComponentIx, ClassIx) {
        let classes = self.names.classes.len();
        let width = classes + DatedBy::NAMES.len();
        let (component, class) = (key as usize / width, key as usize % width);
        let class = match class.checked_sub(classes) {
            Some(stated) => DatedBy::NAMES[stated].1.class(),
            None => ClassIx::from(class),
        };
        (ComponentIx::from(component), class)
    }
}
