/** The systems behind the tools of the demo's agent. */
export async function orders(order: string) {
  return { order, total: '59.00', currency: 'USD', payments: ['pay_81', 'pay_82'], placed: '2026-11-19' }
}

export async function charges(order: string) {
  return [
    { order, payment: 'pay_81', amount: '59.00', status: 'captured' },
    { order, payment: 'pay_82', amount: '59.00', status: 'captured', note: 'retry after timeout' },
  ]
}

export async function cached(key: string) {
  return { key, text: 'Duplicate captures are refunded in full within two working days.' }
}
