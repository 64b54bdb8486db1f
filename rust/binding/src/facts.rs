//! What the service found out, in types: built once, and shared by the calls that it counts for.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, B256, U256};
use holdfast_core::code::Code;
use holdfast_core::guard::{AuthoriseFacts as CoreAuthorise, Told};
use holdfast_core::json::Malformed;
use holdfast_core::outcome::{Log, Simulated as CoreSimulated, Standing};
use holdfast_core::policy::{Facts as CoreFacts, Reading, ToldCode, ToldPrice};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyInt;

use crate::errors::malformed;

fn unfit(fault: &Malformed) -> PyErr {
    malformed(Code::Malformed, format!("facts: {fault}"), "")
}

/// An integer of Python, of whatever size.
pub struct Int(pub Told);

impl<'py> FromPyObject<'_, 'py> for Int {
    type Error = PyErr;

    fn extract(told: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match told.extract::<u128>() {
            Ok(number) => Ok(Self(Told::Number(number))),
            Err(error) if error.is_instance_of::<PyOverflowError>(told.py()) => {
                let negative = told.lt(0)?;
                Ok(Self(if negative {
                    Told::Negative
                } else {
                    Told::TooLarge
                }))
            }
            Err(error) => Err(error),
        }
    }
}

/// A time that a source told. The core refuses what no record can carry, the ends of `i64` among it.
struct At(i64);

impl<'py> FromPyObject<'_, 'py> for At {
    type Error = PyErr;

    fn extract(told: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match told.extract::<i64>() {
            Ok(at) => Ok(Self(at)),
            Err(error) if error.is_instance_of::<PyOverflowError>(told.py()) => {
                Ok(Self(if told.lt(0)? { i64::MIN } else { i64::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}

/// USD for one whole token, and when the source said so.
type PriceRow = (String, At);
/// Hash, implementation, and when that was seen.
type CodeRow = (String, Option<String>, At);
/// Contract, call data, whether it was asked after the transaction, node, when, what was returned, and
/// why nothing was.
type ReadingRow = (
    PyBackedStr,
    PyBackedStr,
    bool,
    String,
    u64,
    Option<PyBackedStr>,
    Option<String>,
);

/// Facts that count for a call, read once.
#[pyclass(module = "holdfast._core", frozen, eq)]
#[derive(PartialEq)]
pub struct Facts {
    inner: CoreFacts,
}

impl Facts {
    pub fn inner(&self) -> &CoreFacts {
        &self.inner
    }
}

#[pymethods]
impl Facts {
    #[new]
    #[pyo3(signature = (*, prices = None, code = None, readings = None))]
    fn new(
        prices: Option<BTreeMap<String, Vec<PriceRow>>>,
        code: Option<BTreeMap<String, CodeRow>>,
        readings: Option<Vec<ReadingRow>>,
    ) -> PyResult<Self> {
        let mut inner = CoreFacts::none();
        if let Some(prices) = prices {
            let price = |(usd, At(at_ms))| ToldPrice { usd, at_ms };
            let told = prices.into_iter();
            let told = told.map(|(asset, each)| (asset, each.into_iter().map(price).collect()));
            inner = CoreFacts::of_prices(told).map_err(|fault| unfit(&fault))?;
        }
        if let Some(code) = code {
            let code = code
                .into_iter()
                .map(|(address, (hash, implementation, At(at_ms)))| {
                    let told = ToldCode {
                        hash,
                        implementation,
                        at_ms,
                    };
                    (address, told)
                });
            let code = CoreFacts::of_code(code).map_err(|fault| unfit(&fault))?;
            inner = inner.updated_by(&code);
        }
        if let Some(readings) = readings {
            let readings = readings.into_iter().map(reading);
            let readings = readings.collect::<PyResult<Vec<_>>>()?;
            let readings = CoreFacts::of_readings(readings).map_err(|fault| unfit(&fault))?;
            inner = inner.updated_by(&readings);
        }
        Ok(Self { inner })
    }

    fn updated_by(&self, newer: &Self) -> Self {
        Self {
            inner: self.inner.clone().updated_by(&newer.inner),
        }
    }

    fn __str__(&self) -> String {
        self.inner.to_string()
    }
}

fn reading((contract, call, after, source, at_ms, data, fault): ReadingRow) -> PyResult<Reading> {
    let data = data.map(|data| hex::<Bytes>(&data, "data"));
    Ok(Reading {
        contract: hex::<Address>(&contract, "contract")?,
        call: hex::<Bytes>(&call, "call")?,
        after,
        source,
        at_ms,
        data: data.transpose()?,
        fault,
    })
}

/// What a node says a transaction would do.
#[pyclass(module = "holdfast._core", frozen)]
pub struct Simulated {
    inner: CoreSimulated,
}

/// Contract, topics, data.
type LogRow = (PyBackedStr, Vec<PyBackedStr>, PyBackedStr);
/// Token, spender, amount.
type AllowanceRow<'py> = (PyBackedStr, PyBackedStr, Bound<'py, PyInt>);

#[pymethods]
impl Simulated {
    #[new]
    fn new(logs: Vec<LogRow>, allowances: Vec<AllowanceRow<'_>>) -> PyResult<Self> {
        let logs = logs.iter().map(|(address, topics, data)| {
            let topics = topics.iter().map(|topic| hex::<B256>(topic, "topic"));
            Ok(Log {
                address: hex::<Address>(address, "address")?,
                topics: topics.collect::<PyResult<_>>()?,
                data: hex::<Bytes>(data, "data")?,
            })
        });
        let allowances = allowances.iter().map(|(token, spender, amount)| {
            Ok(Standing {
                token: hex::<Address>(token, "token")?,
                spender: hex::<Address>(spender, "spender")?,
                amount: units(amount)?,
            })
        });
        let (logs, allowances) = (
            logs.collect::<PyResult<_>>()?,
            allowances.collect::<PyResult<_>>()?,
        );
        let inner = CoreSimulated::new(logs, allowances).map_err(|fault| unfit(&fault))?;
        Ok(Self { inner })
    }
}

fn hex<T: std::str::FromStr>(text: &str, what: &str) -> PyResult<T> {
    let fault = |_| {
        malformed(
            Code::Malformed,
            format!("facts: `{what}` is not hex of its length"),
            "",
        )
    };
    text.parse().map_err(fault)
}

fn units(amount: &Bound<'_, PyInt>) -> PyResult<U256> {
    let fault = || malformed(Code::Malformed, "simulated: `amount` is out of range", "");
    let text = amount.str()?;
    U256::from_str_radix(text.to_str()?, 10).map_err(|_| fault())
}

/// What was found out for an order.
#[pyclass(module = "holdfast._core", frozen)]
pub struct AuthoriseFacts {
    inner: CoreAuthorise,
}

impl AuthoriseFacts {
    pub fn inner(&self) -> &CoreAuthorise {
        &self.inner
    }
}

#[pymethods]
impl AuthoriseFacts {
    #[new]
    #[pyo3(signature = (
        *,
        gas = None,
        max_fee_per_gas = None,
        max_priority_fee_per_gas = None,
        chain_nonce = None,
        nonce_proved = false,
        l1_fee = None,
        facts = None,
        simulated = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        gas: Option<Int>,
        max_fee_per_gas: Option<Int>,
        max_priority_fee_per_gas: Option<Int>,
        chain_nonce: Option<Int>,
        nonce_proved: bool,
        l1_fee: Option<Int>,
        facts: Option<PyRef<'_, Facts>>,
        simulated: Option<PyRef<'_, Simulated>>,
    ) -> Self {
        let told = |number: Option<Int>| number.map(|Int(told)| told);
        Self {
            inner: CoreAuthorise {
                gas: told(gas),
                max_fee_per_gas: told(max_fee_per_gas),
                max_priority_fee_per_gas: told(max_priority_fee_per_gas),
                chain_nonce: told(chain_nonce),
                nonce_proved,
                l1_fee: told(l1_fee),
                facts: facts.map(|facts| facts.inner.clone()).unwrap_or_default(),
                simulated: simulated.map(|simulated| simulated.inner.clone()),
            },
        }
    }
}
