// The same single service in Node.js: fastify with its schemas, postgres (porsager) with its prepared statements.
// As many processes as WORKERS says, each with a pool of POOL_SIZE connections.
import cluster from 'node:cluster'
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import postgres from 'postgres'

const { DATABASE_URL, POOL_SIZE, PORT, WORKERS } = process.env

const id = { type: 'string', format: 'uuid' }
const user = { type: 'object', properties: { user_id: id } }
const ids = { type: 'object', properties: { user_id: id, task_id: id } }
const fields = {
  type: 'object',
  required: ['title'],
  additionalProperties: false,
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 255 },
    description: { type: ['string', 'null'], maxLength: 2000 },
    is_completed: { type: 'boolean', default: false }
  }
}
const completion = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { is_completed: { type: ['boolean', 'null'] } }
}
const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    title: { type: 'string' },
    description: { type: ['string', 'null'] },
    is_completed: { type: 'boolean' },
    created_at: { type: 'string' },
    user_id: { type: 'string' }
  }
}

// A time as PostgreSQL sends it, "2026-01-01 00:00:00.5+00", in ISO 8601: a Date would lose its microseconds.
const time = { to: 1184, from: [1184], serialize: (value) => value, parse: (text) => `${text.replace(' ', 'T')}:00` }

function service () {
  const sql = postgres(DATABASE_URL, { max: Number(POOL_SIZE), types: { time }, connection: { TimeZone: 'UTC' } })
  const columns = sql`id, title, description, is_completed, created_at, user_id`
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })

  app.setErrorHandler((error, request, reply) => {
    const status = error.validationContext === 'body' ? 422 : error.statusCode ?? 500
    reply.code(status).send({ error: status < 500 ? error.message : 'Internal Server Error' })
  })

  const one = (reply, [found]) => found ?? reply.code(404).send({ error: 'Task not found' })
  const list = { schema: { params: user, response: { 200: { type: 'array', items: task } } } }
  const create = { schema: { params: user, body: fields, response: { 201: task } } }
  const find = { schema: { params: ids, response: { 200: task } } }
  const replace = { schema: { params: ids, body: fields, response: { 200: task } } }
  const remove = { schema: { params: ids } }
  const complete = { schema: { params: ids, body: completion, response: { 200: task } } }

  app.get('/api/:user_id/tasks', list, ({ params }) => sql`
    select ${columns} from tasks where user_id = ${params.user_id} order by created_at desc, id desc`)

  app.post('/api/:user_id/tasks', create, async ({ params, body }, reply) => {
    const [made] = await sql`
      insert into tasks (id, title, description, is_completed, created_at, user_id)
      values (${randomUUID()}, ${body.title}, ${body.description ?? null}, ${body.is_completed}, clock_timestamp(),
        ${params.user_id})
      returning ${columns}`
    return reply.code(201).header('Location', `/api/${params.user_id}/tasks/${made.id}`).send(made)
  })

  app.get('/api/:user_id/tasks/:task_id', find, async ({ params }, reply) => one(reply, await sql`
    select ${columns} from tasks where id = ${params.task_id} and user_id = ${params.user_id}`))

  app.put('/api/:user_id/tasks/:task_id', replace, async ({ params, body }, reply) => one(reply, await sql`
    update tasks
    set title = ${body.title}, description = ${body.description ?? null}, is_completed = ${body.is_completed}
    where id = ${params.task_id} and user_id = ${params.user_id}
    returning ${columns}`))

  app.delete('/api/:user_id/tasks/:task_id', remove, async ({ params }, reply) => {
    const { count } = await sql`delete from tasks where id = ${params.task_id} and user_id = ${params.user_id}`
    return reply.code(count ? 204 : 404).send()
  })

  app.patch('/api/:user_id/tasks/:task_id/complete', complete, async ({ params, body }, reply) => one(reply, await sql`
    update tasks set is_completed = coalesce(${body?.is_completed ?? null}::boolean, not is_completed)
    where id = ${params.task_id} and user_id = ${params.user_id}
    returning ${columns}`))

  return app
}

if (cluster.isPrimary && Number(WORKERS) > 1) {
  for (let started = 0; started < Number(WORKERS); started++) cluster.fork()
} else {
  await service().listen({ host: '127.0.0.1', port: Number(PORT) })
}
