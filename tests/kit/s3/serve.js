// Serves one bucket out of a folder on a port of its own, and prints the port.
const S3rver = require('@20minutes/s3rver')
const [directory, bucket] = process.argv.slice(1)
const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: bucket }] })
server.run().then((address) => console.log(address.port))
