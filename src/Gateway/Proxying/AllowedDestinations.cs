using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

/// <summary>
/// Where the gateway may dial at all. An address comes from the platform's word about a machine; should that ever be wrong or forged, it still cannot
/// lead out of the private network, nor back to the gateway itself.
/// </summary>
internal sealed class AllowedDestinations(IOptions<ProxyingOptions> options, PublicListener listener)
{
    private static readonly Lazy<HashSet<IPAddress>> Own = new(OwnAddresses);

    private readonly ImmutableArray<IPNetwork> _networks = Parse(options.Value.AllowedNetworks) ?? [];

    /// <summary>Networks in prefix notation, separated by commas or spaces; null: one of them is none.</summary>
    public static ImmutableArray<IPNetwork>? Parse(string text)
    {
        var networks = ImmutableArray.CreateBuilder<IPNetwork>();
        foreach (var part in text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!IPNetwork.TryParse(part, out var network))
            {
                return null;
            }

            networks.Add(network);
        }

        return networks.ToImmutable();
    }

    public bool Allow(IPEndPoint destination)
    {
        var address = destination.Address.IsIPv4MappedToIPv6 ? destination.Address.MapToIPv4() : destination.Address;
        return _networks.Any(network => network.Contains(address)) && !IsOurselves(address, destination.Port);
    }

    /// <summary>Simulated machines share the loopback network with us, so there the port decides.</summary>
    private bool IsOurselves(IPAddress address, int port) =>
        IPAddress.IsLoopback(address) ? port == listener.Port || port == listener.Http2Port : Own.Value.Contains(address);

    private static HashSet<IPAddress> OwnAddresses() =>
        [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(static one => one.GetIPProperties().UnicastAddresses).Select(static one => Plain(one.Address))];

    // The scope says which interface, and is no part of what a machine is called by.
    private static IPAddress Plain(IPAddress address) => new(address.GetAddressBytes());
}
