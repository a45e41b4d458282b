using System.Diagnostics.CodeAnalysis;
using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>
/// <c>redis+sentinel://user:password@host1:26379,host2/name/db</c>, as Harbor, Prefect and others write it; <c>rediss+sentinel://</c> for TLS, to the Sentinels
/// as well. User and password are those of the servers; the Sentinels' own, where they have one, are the options <c>sentinel_username</c> and <c>sentinel_password</c>.
/// </summary>
internal static class SentinelUrl
{
    public const string Example = "redis+sentinel://user:password@host1:26379,host2:26379/name";

    private const int DefaultPort = 26379;
    private const string Plain = "redis+sentinel://", Tls = "rediss+sentinel://";

    public static bool IsOne([NotNullWhen(true)] string? text) =>
        text is not null && (text.StartsWith(Plain, StringComparison.OrdinalIgnoreCase) || text.StartsWith(Tls, StringComparison.OrdinalIgnoreCase));

    public static bool TryParse(string text, [NotNullWhen(true)] out ConfigurationOptions? options, out string fault)
    {
        options = null;
        var tls = text.StartsWith(Tls, StringComparison.OrdinalIgnoreCase);
        var (place, query) = Cut(text[(tls ? Tls : Plain).Length..], '?');
        var (authority, path) = Cut(place, '/');
        var at = authority.LastIndexOf('@');
        // Which primary: Sentinels may watch several.
        var (name, numbered) = Cut(path, '/');
        name = Uri.UnescapeDataString(name);
        if (name.Length == 0 || text.Contains('#', StringComparison.Ordinal))
        {
            fault = $"does not name the primary that the Sentinels watch: it must be such as {Example}";
            return false;
        }

        if (!RedisUrl.TryReadDatabase(numbered.Trim('/'), out var database))
        {
            fault = "names a database that is not a number: the part after the primary's name must be one, such as /0";
            return false;
        }

        var parsed = RedisUrl.OptionsOf(at < 0 ? "" : authority[..at], tls, database);
        parsed.ServiceName = name;
        // Empty rather than null, which the client takes for "as the servers'": a Sentinel without a password refuses one.
        (parsed.SentinelUser, parsed.SentinelPassword) = ("", "");
        foreach (var host in authority[(at + 1)..].Split(','))
        {
            if (host.AsSpan().ContainsAny("\\ \t\r\n") || !Uri.TryCreate("redis://" + host, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
            {
                fault = $"names a Sentinel that is no host: it must be such as {Example}";
                return false;
            }

            parsed.EndPoints.TryAdd(RedisUrl.EndPointOf(uri, DefaultPort));
        }

        foreach (var option in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = Cut(option, '=');
            switch (key)
            {
                case "sentinel_username":
                    parsed.SentinelUser = Uri.UnescapeDataString(value);
                    break;
                case "sentinel_password":
                    parsed.SentinelPassword = Uri.UnescapeDataString(value);
                    break;
                default:
                    fault = "has an option that is not known: after the ? there may be sentinel_username and sentinel_password";
                    return false;
            }
        }

        options = parsed;
        fault = "";
        return true;
    }

    private static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at, StringComparison.Ordinal) is var index and >= 0 ? (text[..index], text[(index + 1)..]) : (text, "");
}
