using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Authentication;
using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>
/// A <c>redis://user:password@host:port/db</c> or <c>rediss://</c> URL, or one that names Sentinels (<see cref="SentinelUrl"/>). StackExchange.Redis would
/// take the whole of it for a host name, password and all, and print it; so it is read here, and no message ever repeats it.
/// </summary>
internal static class RedisUrl
{
    private const int DefaultPort = 6379;

    public static bool TryParse(string? text, [NotNullWhen(true)] out ConfigurationOptions? options, out string fault)
    {
        if (SentinelUrl.IsOne(text))
        {
            return SentinelUrl.TryParse(text, out options, out fault);
        }

        options = null;
        fault = "";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
        {
            fault = $"must be a URL such as redis://user:password@host:6379 (rediss:// for TLS) or {SentinelUrl.Example}";
            return false;
        }

        if (!TryReadDatabase(uri.AbsolutePath.Trim('/'), out var database))
        {
            fault = "names a database that is not a number: the part after the host must be one, such as /0";
            return false;
        }

        options = OptionsOf(uri.UserInfo, tls: uri.Scheme == "rediss", database);
        options.EndPoints.Add(EndPointOf(uri, DefaultPort));
        options.SslHost = options.Ssl ? uri.Host : null;
        return true;
    }

    internal static bool TryReadDatabase(string path, out int database)
    {
        database = 0;
        return path.Length == 0 || (int.TryParse(path, out database) && database >= 0);
    }

    internal static EndPoint EndPointOf(Uri uri, int defaultPort)
    {
        var port = uri.Port > 0 ? uri.Port : defaultPort;
        return IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) ? new IPEndPoint(address, port) : new DnsEndPoint(uri.Host, port);
    }

    /// <summary>All but the addresses.</summary>
    internal static ConfigurationOptions OptionsOf(string credentials, bool tls, int database)
    {
        var options = new ConfigurationOptions
        {
            Ssl = tls,
            SslProtocols = tls ? SslProtocols.Tls12 | SslProtocols.Tls13 : null,
            DefaultDatabase = database == 0 ? null : database,
            // Start and go on without Redis: what is known is served, and the connection comes back by itself.
            AbortOnConnectFail = false,
            ConnectTimeout = 2000,
            AsyncTimeout = 2000,
            SyncTimeout = 2000,
            ConnectRetry = 1,
            KeepAlive = 10,
            HeartbeatInterval = TimeSpan.FromSeconds(1),
            ReconnectRetryPolicy = new ExponentialRetry(200, 3000),
            // A command for a connection that is down fails at once instead of waiting in a queue: every caller has a bound of its own.
            BacklogPolicy = BacklogPolicy.FailFast,
            ClientName = "gateway",
        };
        var userInfo = credentials.Split(':', 2);
        if (userInfo.Length == 2)
        {
            options.User = userInfo[0].Length == 0 ? null : Uri.UnescapeDataString(userInfo[0]);
            options.Password = Uri.UnescapeDataString(userInfo[1]);
        }
        else if (userInfo[0].Length > 0)
        {
            options.Password = Uri.UnescapeDataString(userInfo[0]);
        }

        return options;
    }
}
