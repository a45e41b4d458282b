using System.Runtime.InteropServices;
using LocalCloud;

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

var console = new PrefixedConsole(Console.Out);
using var farewell = stop.Token.Register(() => console.Say("cloud", "stopping"));
try
{
    await Cloud.RunAsync(LocalCloudOptions.From(args), console, stop.Token);
    return 0;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 0;
}
catch (LocalCloudException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 1;
}
