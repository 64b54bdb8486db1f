// An ethers agent as anyone would write it: a signer of the IPC provider, nothing of ours.
import { main, require } from './common.mjs'

const { Contract, IpcSocketProvider } = require('ethers')

const erc20 = ['function transfer(address to, uint256 amount) returns (bool)']

await main({
  pay: async (socket, { from, to, value }) => {
    const signer = await new IpcSocketProvider(socket).getSigner(from)
    return (await signer.sendTransaction({ to, value: BigInt(value) })).hash
  },
  // Again, with the nonce of a payment that is out and a higher fee.
  replace: async (socket, { from, to, value, nonce, maxFeePerGas, maxPriorityFeePerGas }) => {
    const signer = await new IpcSocketProvider(socket).getSigner(from)
    const fees = {
      maxFeePerGas: BigInt(maxFeePerGas),
      maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas),
    }
    return (await signer.sendTransaction({ to, value: BigInt(value), nonce, ...fees })).hash
  },
  payToken: async (socket, { from, token, to, amount }) => {
    const signer = await new IpcSocketProvider(socket).getSigner(from)
    return (await new Contract(token, erc20, signer).transfer(to, BigInt(amount))).hash
  },
  signMessage: async (socket, { from, message }) => {
    const signer = await new IpcSocketProvider(socket).getSigner(from)
    return signer.signMessage(message)
  },
  receipt: async (socket, { hash }) => {
    const receipt = await new IpcSocketProvider(socket).waitForTransaction(hash, 1, 30_000)
    return { status: receipt.status === 1 ? 'success' : 'reverted', block: receipt.blockNumber }
  },
})
