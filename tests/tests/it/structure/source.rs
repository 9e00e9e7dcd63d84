//! Reads a crate's source: its modules, what each of them defines and imports, and the paths that
//! it names. Code that only tests compile is left out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, File, ImplItem, Item, Meta, Signature, UseTree, Visibility};

/// Source files by their path from the workspace's root.
pub(super) type Files = BTreeMap<String, String>;

/// A module's place below its crate's root; empty for the root itself.
pub(super) type ModulePath = Vec<String>;

/// A path as the code writes it.
pub(super) struct Named {
    pub segments: Vec<String>,
    pub line: usize,
    /// It is handed on to the module's users by `pub use`.
    pub is_re_export: bool,
}

#[derive(Default)]
pub(super) struct Module {
    pub file: String,
    /// Names of what it defines itself.
    pub items: BTreeSet<String>,
    /// Names that it imports, and the path of each.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Modules from which it imports everything.
    pub globs: Vec<Vec<String>>,
    pub named: Vec<Named>,
}

pub(super) struct Function {
    pub name: String,
    pub lines: usize,
}

/// The modules of the crate whose root is the file `root`.
pub(super) fn read_crate(root: &str, files: &Files) -> BTreeMap<ModulePath, Module> {
    let mut modules = BTreeMap::new();
    read_module(root, Vec::new(), root, files, &mut modules);
    modules
}

/// The functions of a file, those of its tests included.
pub(super) fn functions(file: &str, text: &str) -> Vec<Function> {
    let mut reader = FunctionReader(Vec::new());
    reader.visit_file(&parse(file, text));
    reader.0
}

fn parse(file: &str, text: &str) -> File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{file} is Rust: {error}"))
}

fn read_module(
    root: &str,
    path: ModulePath,
    file: &str,
    files: &Files,
    modules: &mut BTreeMap<ModulePath, Module>,
) {
    let text = files
        .get(file)
        .unwrap_or_else(|| panic!("{file} is among the files"));
    read_items(&parse(file, text).items, path, file, (root, files), modules);
}

fn read_items(
    items: &[Item],
    path: ModulePath,
    file: &str,
    (root, files): (&str, &Files),
    modules: &mut BTreeMap<ModulePath, Module>,
) {
    let mut module = Module {
        file: file.to_owned(),
        ..Module::default()
    };
    for item in items {
        if is_for_tests(attributes_of(item)) {
            continue;
        }
        if let Item::Mod(child) = item {
            let mut below = path.clone();
            below.push(child.ident.to_string());
            match &child.content {
                Some((_, items)) => read_items(items, below, file, (root, files), modules),
                None => {
                    let file = file_of(root, &below, files);
                    read_module(root, below, &file, files, modules);
                }
            }
            continue;
        }
        module.items.extend(name_of(item));
        ModuleReader(&mut module).visit_item(item);
    }
    modules.insert(path, module);
}

/// The file of the module at `path`, which its parent declares.
fn file_of(root: &str, path: &[String], files: &Files) -> String {
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = format!("{folder}/{}", path.join("/"));
    [format!("{stem}.rs"), format!("{stem}/mod.rs")]
        .into_iter()
        .find(|file| files.contains_key(file))
        .unwrap_or_else(|| panic!("{stem}.rs or {stem}/mod.rs is there"))
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Adds what an item imports and names to its module.
struct ModuleReader<'a>(&'a mut Module);

impl ModuleReader<'_> {
    fn import(&mut self, tree: &UseTree, prefix: &[String], is_re_export: bool) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        let (segments, alias, last) = match tree {
            UseTree::Path(it) => return self.import(&it.tree, &with(&it.ident), is_re_export),
            UseTree::Group(it) => {
                let import = |tree| self.import(tree, prefix, is_re_export);
                return it.items.iter().for_each(import);
            }
            UseTree::Glob(it) => {
                self.0.globs.push(prefix.to_vec());
                (prefix.to_vec(), None, it.star_token.span)
            }
            UseTree::Name(it) if it.ident == "self" => {
                (prefix.to_vec(), prefix.last().cloned(), it.ident.span())
            }
            UseTree::Name(it) => {
                let alias = Some(it.ident.to_string());
                (with(&it.ident), alias, it.ident.span())
            }
            UseTree::Rename(it) => {
                let alias = Some(it.rename.to_string());
                (with(&it.ident), alias, it.ident.span())
            }
        };
        if let Some(alias) = alias {
            self.0.imports.insert(alias, segments.clone());
        }
        self.0.named.push(Named {
            segments,
            line: last.start().line,
            is_re_export,
        });
    }

    fn name(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() > 1 {
            self.0.named.push(Named {
                segments,
                line,
                is_re_export: false,
            });
        }
    }

    /// Finds the paths in the text that a macro takes.
    fn name_in_tokens(&mut self, tokens: TokenStream) {
        let (mut segments, mut line, mut colons) = (Vec::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.name(std::mem::take(&mut segments), line);
                        line = ident.span().start().line;
                    }
                    segments.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.name(std::mem::take(&mut segments), line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.name_in_tokens(group.stream());
                    }
                }
            }
        }
        self.name(segments, line);
    }
}

impl<'ast> Visit<'ast> for ModuleReader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_for_tests = match item {
            ImplItem::Const(item) => is_for_tests(&item.attrs),
            ImplItem::Fn(item) => is_for_tests(&item.attrs),
            _ => false,
        };
        if !is_for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_re_export = matches!(item.vis, Visibility::Public(_));
        self.import(&item.tree, &[], is_re_export);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|it| it.ident.to_string());
        let line = path
            .segments
            .first()
            .map_or(0, |it| it.ident.span().start().line);
        self.name(segments.collect(), line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.name_in_tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.name_in_tokens(list.tokens.clone());
        }
    }

    /// What may see an item is no use of it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

struct FunctionReader(Vec<Function>);

impl FunctionReader {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let first = signature.ident.span().start().line;
        let last = block.brace_token.span.close().end().line;
        self.0.push(Function {
            name: signature.ident.to_string(),
            lines: last - first + 1,
        });
    }
}

impl<'ast> Visit<'ast> for FunctionReader {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
