using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Gateway.FunctionalTests.Edge;

/// <summary>A client without manners: any bytes, on a connection of their own.</summary>
internal static partial class RawClient
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>After this much silence a client that is not patient says that nothing more comes, which for the gateway is that it has left.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);

    /// <summary>A whole request that ends its connection: all that came back until the gateway closed it.</summary>
    public static Task<string> AskAsync(int port, string request) => ExchangeAsync(port, Encoding.Latin1.GetBytes(request), Limit);

    /// <summary>Anything at all, which the gateway may take for the beginning of something.</summary>
    public static Task<string> SendAsync(int port, string bytes) => ExchangeAsync(port, Encoding.Latin1.GetBytes(bytes), Quiet);

    /// <exception cref="TimeoutException">The gateway neither answered nor closed.</exception>
    public static async Task<string> ExchangeAsync(int port, byte[] bytes, TimeSpan quiet)
    {
        using var socket = await ConnectAsync(port);
        using var answer = new MemoryStream();
        var buffer = new byte[16 * 1024];
        try
        {
            await socket.SendAsync(bytes).WaitAsync(Limit);
            var left = false;
            while (true)
            {
                var receiving = socket.ReceiveAsync(buffer);
                if (!left && await Task.WhenAny(receiving, Task.Delay(quiet, TimeProvider.System)) != receiving)
                {
                    socket.Shutdown(SocketShutdown.Send);
                    left = true;
                }

                var read = await receiving.WaitAsync(Limit);
                if (read == 0)
                {
                    break;
                }

                answer.Write(buffer, 0, read);
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            // It was cut in the middle: what came before counts.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }

    public static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port).WaitAsync(Limit);
        return socket;
    }

    /// <summary>The statuses of all answers in it. A body may repeat what was asked, which looks much like an answer but for the end of its line.</summary>
    public static IReadOnlyList<int> StatusesIn(string answers) =>
        [.. StatusLine().Matches(answers).Select(static line => int.Parse(line.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"HTTP/1\.1 ([0-9]{3}) [A-Za-z -]*\r\n")]
    private static partial Regex StatusLine();
}
