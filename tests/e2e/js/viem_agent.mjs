// A viem agent as anyone would write it: a wallet client on the IPC transport, nothing of ours.
import { main, require } from './common.mjs'

const { createWalletClient, createPublicClient, erc20Abi } = require('viem')
const { anvil } = require('viem/chains')
const { ipc } = require('viem/node')

function wallet(socket, account) {
  return createWalletClient({ account, chain: anvil, transport: ipc(socket) })
}

await main({
  pay: (socket, { from, to, value }) =>
    wallet(socket, from).sendTransaction({ to, value: BigInt(value) }),
  // Again, with the nonce of a payment that is out and a higher fee.
  replace: (socket, { from, to, value, nonce, maxFeePerGas, maxPriorityFeePerGas }) =>
    wallet(socket, from).sendTransaction({
      to,
      value: BigInt(value),
      nonce,
      maxFeePerGas: BigInt(maxFeePerGas),
      maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas),
    }),
  payToken: (socket, { from, token, to, amount }) =>
    wallet(socket, from).writeContract({
      address: token,
      abi: erc20Abi,
      functionName: 'transfer',
      args: [to, BigInt(amount)],
    }),
  signMessage: (socket, { from, message }) => wallet(socket, from).signMessage({ message }),
  signTypedData: (socket, { from, typed }) => wallet(socket, from).signTypedData(typed),
  // A batch of payments, and what became of it.
  sendCalls: async (socket, { from, calls, forceAtomic = false, capabilities }) => {
    const client = wallet(socket, from)
    const payments = calls.map(({ to, value }) => ({ to, value: BigInt(value) }))
    const { id } = await client.sendCalls({ calls: payments, forceAtomic, capabilities })
    const told = await client.waitForCallsStatus({ id, pollingInterval: 100, timeout: 30_000 })
    return { id, status: told.status, hashes: told.receipts.map((one) => one.transactionHash) }
  },
  capabilities: (socket, { from }) => wallet(socket, from).getCapabilities({ account: from }),
  receipt: async (socket, { hash }) => {
    const client = createPublicClient({
      chain: anvil,
      transport: ipc(socket),
      pollingInterval: 100,
    })
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 30_000 })
    return { status: receipt.status, block: Number(receipt.blockNumber) }
  },
})
