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
  payToken: (socket, { from, token, to, amount }) =>
    wallet(socket, from).writeContract({
      address: token,
      abi: erc20Abi,
      functionName: 'transfer',
      args: [to, BigInt(amount)],
    }),
  signMessage: (socket, { from, message }) => wallet(socket, from).signMessage({ message }),
  signTypedData: (socket, { from, typed }) => wallet(socket, from).signTypedData(typed),
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
