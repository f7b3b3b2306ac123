// For all node processes of a test: those of the tools keep its priority. A tool gives way to everything else on the machine, so
// that beside other tests it would get no turn for minutes.
require('node:os').setPriority = () => undefined;
