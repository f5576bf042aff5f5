import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Networks that are not the public internet: this machine, its neighbours, and what no host may have. */
const IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]

/** All but global unicast, and the parts of it that lead into IPv4 or are for documents. */
const IPV6 = ['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

// A list each: in one of both, an IPv4 address is looked up as the IPv6 one it maps to, too.
const PRIVATE = { ipv4: listOf(IPV4, 'ipv4'), ipv6: listOf(IPV6, 'ipv6') }

/** Whether an address is one that messages must not be sent to from a server that others share; so is what is none. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return PRIVATE.ipv4.check(address, 'ipv4')
  if (isIPv6(address)) return PRIVATE.ipv6.check(address, 'ipv6')
  return true
}

function listOf(networks: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address, bits] = network.split('/') as [string, string]
    list.addSubnet(address, Number(bits), family)
  }
  return list
}
