//! What has to be found out for an order, in types.

use alloy_primitives::{hex, Address, U256};
use holdfast_core::address::checksum;
use holdfast_core::guard::{OrderInputs as CoreInputs, TransactionInputs};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyTuple};

/// What a node is asked for a request, within which caps, and which contracts are looked at again.
#[pyclass(module = "holdfast._core", frozen)]
pub struct OrderInputs {
    wallet: String,
    chain_id: u64,
    touched: Vec<String>,
    transaction: Option<Transaction>,
}

struct Transaction {
    to: Option<String>,
    value: U256,
    data: String,
    gas: Option<u64>,
    gas_max: u64,
    fee_per_gas_max: u128,
    priority_fee_per_gas_max: u128,
    l1_fee_max: U256,
}

impl From<CoreInputs<'_>> for OrderInputs {
    fn from(inputs: CoreInputs<'_>) -> Self {
        let text = |address: Address| checksum(address).to_string();
        Self {
            wallet: text(inputs.wallet),
            chain_id: inputs.chain_id.get(),
            touched: inputs.touched.into_iter().map(text).collect(),
            transaction: inputs.transaction.map(Transaction::from),
        }
    }
}

impl From<TransactionInputs<'_>> for Transaction {
    fn from(inputs: TransactionInputs<'_>) -> Self {
        Self {
            to: inputs.content.to.map(|to| checksum(to).to_string()),
            value: inputs.content.value,
            data: hex::encode_prefixed(&inputs.content.data),
            gas: inputs.content.gas,
            gas_max: inputs.gas_max,
            fee_per_gas_max: inputs.fee_per_gas_max,
            priority_fee_per_gas_max: inputs.priority_fee_per_gas_max,
            l1_fee_max: inputs.l1_fee_max,
        }
    }
}

fn integer<'py>(py: Python<'py>, value: U256) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &value.to_be_bytes::<32>());
    py.get_type::<PyInt>()
        .call_method1("from_bytes", (bytes, "big"))
}

#[pymethods]
impl OrderInputs {
    #[getter]
    fn wallet(&self) -> &str {
        &self.wallet
    }

    #[getter]
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    #[getter]
    fn touched<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.touched)
    }

    #[getter]
    fn is_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    #[getter]
    fn to(&self) -> Option<&str> {
        self.transaction.as_ref()?.to.as_deref()
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = self.transaction.as_ref().map(|tx| tx.value);
        integer(py, value.unwrap_or_default())
    }

    #[getter]
    fn data(&self) -> &str {
        self.transaction.as_ref().map_or("0x", |tx| &tx.data)
    }

    #[getter]
    fn gas(&self) -> Option<u64> {
        self.transaction.as_ref()?.gas
    }

    #[getter]
    fn gas_max(&self) -> u64 {
        self.transaction.as_ref().map_or(0, |tx| tx.gas_max)
    }

    #[getter]
    fn fee_per_gas_max(&self) -> u128 {
        self.transaction.as_ref().map_or(0, |tx| tx.fee_per_gas_max)
    }

    #[getter]
    fn priority_fee_per_gas_max(&self) -> u128 {
        let transaction = self.transaction.as_ref();
        transaction.map_or(0, |tx| tx.priority_fee_per_gas_max)
    }

    #[getter]
    fn l1_fee_max<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let most = self.transaction.as_ref().map(|tx| tx.l1_fee_max);
        integer(py, most.unwrap_or_default())
    }
}
