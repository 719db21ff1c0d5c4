//! Reports: of which period, in which form and language.

use clap::{Args, Subcommand};
use policy::VendorId;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ReportVerb {
    /// Every intervention, by number and without gap. Takes the role auditor or security, and is
    /// journalled.
    Register {
        #[command(flatten)]
        period: PeriodFlags,
        /// Of this vendor alone.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// Every account that logged in, with what makes it legitimate: who made sure of the person and
    /// when, the contract, the factors. Takes the role auditor or security, and is journalled.
    Accounts {
        #[command(flatten)]
        period: PeriodFlags,
        /// Of this vendor alone; then no staff.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// What nobody uses: targets, vendors, accounts, staff, grants. Takes the role auditor, security or
    /// operator, and is journalled.
    Dormant {
        /// Not used for so many days.
        #[arg(long, default_value_t = 90, value_name = "DAYS")]
        days: u16,
        /// Of this vendor alone; then no targets and no staff.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// What is kept how long, by which rule and under which key.
    Retention {
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// Each rule with its state, read from the live system, and the proof. Takes the role auditor,
    /// security or operator.
    Conformity {
        #[arg(long, default_value = "md")]
        format: MatrixFormat,
        /// The site's, if not said.
        #[arg(long)]
        language: Option<Language>,
        /// Into this file, which only its owner can read; to standard output, if not said.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(crate) struct PeriodFlags {
    /// From this day on, as 2026-01-31; from the beginning, if not said.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<jiff::civil::Date>,
    /// Until this day, included; until now, if not said.
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<jiff::civil::Date>,
}

/// How a report is written down.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A narrow table to read on a terminal.
    Text,
    /// All columns, with semicolons between; nothing in it is a formula.
    Csv,
    /// All fields, as the daemon tells them.
    Json,
    /// All columns as a spreadsheet (OpenDocument).
    Ods,
}

/// How the matrix of rules is written down.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixFormat {
    /// Markdown.
    Md,
    /// One page that needs nothing else, to read and to print.
    Html,
    /// All fields, as the daemon tells them.
    Json,
}

/// In which language.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// French.
    #[value(name = "fr", alias = "french")]
    French,
    /// English.
    #[value(name = "en", alias = "english")]
    English,
}

impl From<Language> for config::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::French => config::Language::French,
            Language::English => config::Language::English,
        }
    }
}

#[derive(Args)]
pub(crate) struct ShapeFlags {
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Begin CSV with the mark by which some spreadsheets know UTF-8.
    #[arg(long)]
    pub(crate) bom: bool,
    /// The site's, if not said.
    #[arg(long)]
    pub(crate) language: Option<Language>,
    /// Into this file, which only its owner can read; to standard output, if not said.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
