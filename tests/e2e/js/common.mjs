// What the two JavaScript agents share: the libraries from the tool folder, and one line out.
import { createRequire } from 'node:module'
import { join } from 'node:path'

export const require = createRequire(join(process.env.HOLDFAST_NODE_MODULES, 'agent.js'))

// Walks the chain of causes to the JSON-RPC error the guardian sent.
export function rpcError(error) {
  const seen = new Set()
  const queue = [error]
  while (queue.length > 0) {
    const one = queue.shift()
    if (one === null || typeof one !== 'object' || seen.has(one)) continue
    seen.add(one)
    if (Number.isInteger(one.code) && one.data !== undefined) {
      return { code: one.code, message: String(one.message), data: one.data }
    }
    queue.push(one.error, one.cause, one.info)
  }
  return { code: null, message: String(error?.message ?? error), data: null }
}

// Runs one action and leaves: an open socket would keep the process alive.
export async function main(actions) {
  const [socket, action, given] = process.argv.slice(2)
  const input = JSON.parse(given)
  let line
  try {
    line = { ok: await actions[action](socket, input) }
  } catch (error) {
    line = { error: rpcError(error) }
  }
  process.stdout.write(JSON.stringify(line) + '\n', () => process.exit(0))
}
