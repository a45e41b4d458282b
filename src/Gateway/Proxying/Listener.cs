using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gateway.Proxying;

/// <summary>An address to listen on, as configuration names it: <c>http://0.0.0.0:8080</c>, <c>http://[::]:8080</c>, <c>http://localhost:8080</c>.</summary>
internal readonly record struct Listener(IPAddress? Address, int Port)
{
    /// <summary>No TLS: Fly's edge ends it.</summary>
    public static bool TryParse(string? text, out Listener listener)
    {
        listener = default;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
        {
            return false;
        }

        if (uri.Host == "localhost")
        {
            listener = new Listener(null, uri.Port);
            return true;
        }

        if (!IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address))
        {
            return false;
        }

        listener = new Listener(address, uri.Port);
        return true;
    }

    public void Bind(KestrelServerOptions kestrel, Action<ListenOptions> configure)
    {
        if (IPAddress.IPv6Any.Equals(Address))
        {
            // Falls back to IPv4 on a host without IPv6, which binding the address itself does not.
            kestrel.ListenAnyIP(Port, configure);
        }
        else if (Address is not null)
        {
            kestrel.Listen(Address, Port, configure);
        }
        else if (Port == 0)
        {
            // "localhost" is two addresses, and a free port of one need not be free on the other.
            kestrel.Listen(IPAddress.Loopback, 0, configure);
        }
        else
        {
            kestrel.ListenLocalhost(Port, configure);
        }
    }
}
