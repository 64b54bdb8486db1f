// Pays through the guardian with viem: `node examples/pay.mjs SOCKET TO WEI`.
import { setTimeout as sleep } from 'node:timers/promises'
import { createWalletClient } from 'viem'
import { anvil } from 'viem/chains'
import { ipc } from 'viem/node'

const PENDING = -32003

const [socket, to, wei] = process.argv.slice(2)
const wallet = createWalletClient({ chain: anvil, transport: ipc(socket) })
const [account] = await wallet.getAddresses()
for (;;) {
  try {
    console.log(await wallet.sendTransaction({ account, to, value: BigInt(wei) }))
    process.exit(0) // the open socket would keep the process alive
  } catch (failure) {
    const error = failure.walk((cause) => cause.data?.status) ?? failure
    console.error(error.message)
    if (error.code !== PENDING) process.exit(1)
    // The same call again joins the request that waits; it never pays twice.
    await sleep(error.data.retryAfter * 1000)
  }
}
