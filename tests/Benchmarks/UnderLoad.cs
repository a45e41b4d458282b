using System.Globalization;

namespace Benchmarks;

/// <summary>Small requests on one peer and nothing else, for a profiler to look at.</summary>
internal static class UnderLoad
{
    private const int Connections = 64;
    private const int Rounds = 24;

    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(5);

    /// <param name="name">A part of the peer's name.</param>
    /// <param name="folder">For configurations and credentials.</param>
    public static async Task<int> RunAsync(string name, string folder)
    {
        await using var peers = await Peers.StartAsync(folder, name);
        var peer = peers.All.First(peer => peer.Name.Contains(name, StringComparison.OrdinalIgnoreCase));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{peer.Name}: process {string.Join(' ', peer.Processes)}"));
        for (var round = 0; round < Rounds; round++)
        {
            var load = await Load.RunAsync(peer, Connections, Slice, folder, round);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{load.Requests / Slice.TotalSeconds:0} requests a second, {load.CpuMicroseconds:0.0} µs each"));
        }

        return 0;
    }
}
