using MachinesSimulator;

if (args.Contains(EchoProcess.Argument))
{
    await EchoProcess.RunAsync();
    return;
}

var settings = new ConfigurationBuilder().AddEnvironmentVariables("SIMULATOR_").AddCommandLine(args).Build();
var options = new SimulatorOptions
{
    Url = settings["Url"] ?? "http://127.0.0.1:4280",
    DataFolder = settings["DataFolder"],
    Network = settings["Network"] ?? "127.77",
    Log = Console.WriteLine,
};
foreach (var image in settings.GetSection("Images").GetChildren())
{
    // "name": "program argument argument"
    var words = (image.Value ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
    options.Images[image.Key] = new ImageCommand(words[0], words[1..]);
}

using var stopping = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stopping.Cancel();
};
await using var simulator = await Simulator.StartAsync(options, stopping.Token);
Console.WriteLine($"Machines API simulator: {simulator.Url}");
await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
