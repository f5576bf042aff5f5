import fc from 'fast-check'

/** What PROPERTY_SEED gives: each property of the run begins with it, so two runs of one tree try the same worlds. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.PROPERTY_SEED) })
